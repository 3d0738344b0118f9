"""What Nix reads and keeps: literals, renderings, hashes, store paths, the store."""
