"""What each engine wants to see: the names under which it looks for models."""
