"""Pin AI models from a models.toml and render the pins as Nix."""

__version__ = "0.1.0"
