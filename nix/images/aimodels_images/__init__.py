"""OCI images of models, whose layers are made while they are read."""
