# The flake's `templates.default`. `aimodels-gen init` writes the same files and prints the same text.
{
  description = "Models from models.toml as packages, as a Hugging Face cache, and in a development shell";
  path = ./project;
  welcomeText = builtins.readFile ./welcome.md;
}
