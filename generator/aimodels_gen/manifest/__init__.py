"""models.toml: what a person declares."""
