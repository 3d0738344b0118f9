"""A simulation of fleets that take the same models, and its check against a network."""
