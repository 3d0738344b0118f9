# What one of our modules makes of a generated file, without the other modules of NixOS or Home Manager.
{
  # Of the real nixpkgs.
  lib,
  # The file's name in nix/modules/, and the path of its options.
  module,
  path,
  models,
}:
let
  pkgs = import ./pkgs {
    system = "x86_64-linux";
    inherit lib;
  };

  # The options of other modules that ours reads; those that it sets are of any type.
  surroundings = {
    # Declared one by one, because what is set depends on what is read.
    options = {
      assertions = lib.mkOption {
        type = lib.types.listOf lib.types.raw;
        default = [ ];
      };
      home = lib.genAttrs [
        "activation"
        "extraBuilderCommands"
        "extraDependencies"
        "homeDirectory"
        "sessionVariables"
      ] (_name: lib.mkOption { type = lib.types.anything; });
      services.nginx = lib.mkOption {
        type = lib.types.anything;
        default = { };
      };
    };
    config = {
      _module.freeformType = lib.types.lazyAttrsOf lib.types.anything;
      home.homeDirectory = "/home/user";
      xdg.cacheHome = "/home/user/.cache";
      xdg.stateHome = "/home/user/.local/state";
    };
  };

  evaluate =
    enforceLicenses:
    let
      inherit
        (lib.evalModules {
          specialArgs = {
            inherit pkgs;
            lib = lib // {
              hm.dag.entryAfter = _names: text: text;
            };
          };
          modules = [
            (../../nix/modules + "/${module}.nix")
            models
            surroundings
            (lib.setAttrByPath path {
              enable = true;
              inherit enforceLicenses;
              # Where engines look is said beside the generated file.
              integration =
                lib.genAttrs [ "comfyui" "lmstudio" "ollama" "triton" ] (kind: { modelsDir = "/srv/${kind}"; })
                // {
                  directory.or.modelsDir = "/srv/or";
                };
            })
          ];
        })
        config
        ;
      cfg = lib.getAttrFromPath path config;
    in
    {
      models = lib.mapAttrs (_name: model: removeAttrs model [ "package" ]) cfg.models;
      modelPaths = lib.mapAttrs (_name: builtins.unsafeDiscardStringContext) cfg.modelPaths;
      problems = map (each: each.message) config.assertions;
    };
in
{
  any = evaluate false;
  # nixpkgs refuses to evaluate the paths of unfree models.
  enforced = removeAttrs (evaluate true) [ "modelPaths" ];
}
