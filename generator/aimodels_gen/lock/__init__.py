"""models.lock: the pins, and how they are made."""
