# aimodels-gen as a package, for `callPackage`.
{
  lib,
  installShellFiles,
  python3Packages,
  stdenv,
}:
let
  inherit (builtins.fromTOML (builtins.readFile ./pyproject.toml)) project;

  # What the wheel is built from: an edit to the tests rebuilds nothing.
  parts = map toString [
    ./generator
    ./nix/engines/aimodels_engines
    ./nix/fetcher/aimodels_fetcher
    ./nix/linker/aimodels_linker
    ./templates
    ./pyproject.toml
    ./README.md
    ./LICENSE
    ./CHANGELOG.md
  ];
in
python3Packages.buildPythonApplication {
  pname = project.name;
  inherit (project) version;
  pyproject = true;

  src = builtins.path {
    name = "aimodels-gen-source";
    path = ./.;
    filter =
      path: _type:
      !(lib.hasPrefix "." (baseNameOf path))
      && baseNameOf path != "__pycache__"
      && builtins.any (
        part: path == part || lib.hasPrefix "${part}/" path || lib.hasPrefix "${path}/" part
      ) parts;
  };

  build-system = [ python3Packages.hatchling ];

  dependencies = [
    python3Packages.botocore
    python3Packages.click
    python3Packages.dulwich
    python3Packages.huggingface-hub
    python3Packages.jinja2
    python3Packages.msgspec
    python3Packages.requests
    python3Packages.rich
  ];

  nativeBuildInputs = [ installShellFiles ];

  # Made by the program itself, which must run here for that.
  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    program=$out/bin/aimodels-gen
    installShellCompletion --cmd aimodels-gen \
      --bash <($program completion bash) \
      --zsh <($program completion zsh) \
      --fish <($program completion fish)
    $program man --directory man
    installManPage man/*.1
  '';

  pythonImportsCheck = [
    "aimodels_fetcher"
    "aimodels_gen"
    "aimodels_linker"
  ];

  meta = {
    inherit (project) description;
    license = lib.licenses.mit;
    mainProgram = "aimodels-gen";
  };
}
