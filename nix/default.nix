# The index of the library: each name is a file, each file one concept.
{
  fetchModel = import ./fetch-model.nix;
  integration = import ./integration;
}
