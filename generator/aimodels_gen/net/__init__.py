"""Small things around requests."""
