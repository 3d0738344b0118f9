# Configurations of the documentation, evaluated with our modules: gives what fails or warns, with all
# that the configuration sets.
{
  # Of the real nixpkgs.
  lib,
  # The real one's source, where there is need of it.
  home-manager ? throw "no Home Manager here",
}:
let
  force = import ./force.nix;

  pkgs = import ../modules/nixpkgs { inherit lib; } // {
    # What snippets start.
    vllm = pkgs.runCommand "vllm" { } "mkdir $out";
  };

  nixosWith =
    ours: modules:
    builtins.seq (declared (
      modules
      ++ [
        (ours.ours or ../../nix/modules/nixos.nix)
        ollamaInNixos
        llamaCppInNixos
        ../modules/nixpkgs/nixos/modules/services/web-servers/nginx
      ]
    )) (
      import ../modules/nixos.nix (
        ours
        // {
          inherit lib;
          modules = [
            { _module.args.pkgs = lib.mkOverride 10 pkgs; }
            homeManagerInNixos
            ollamaInNixos
            llamaCppInNixos
          ]
          ++ modules;
        }
      )
    );

  homeWith =
    ours: modules:
    builtins.seq (declared (modules ++ [ (ours.ours or ../../nix/modules/home-manager.nix) ])) (
      import ../modules/home-manager.nix (ours // { inherit lib home-manager modules; })
    );

  # Elsewhere it is not an error to set an option that does not exist.
  declared =
    modules:
    (lib.evalModules {
      modules = modules ++ [
        {
          options = lib.genAttrs [
            "assertions"
            "home"
            "home-manager"
            "networking"
            "nix"
            "nixpkgs"
            "system"
            "systemd"
            "users"
            "warnings"
            "xdg"
          ] (_name: lib.mkOption { type = lib.types.anything; });
          config._module.args = { inherit pkgs; };
        }
      ];
    })._module.freeformType;

  # A flake has to name our modules itself.
  none.ours = { };

  # The option by which NixOS has Home Manager's configurations in it.
  homeManagerInNixos.options.home-manager.users = lib.mkOption {
    type = lib.types.attrsOf lib.types.deferredModule;
    default = { };
  };

  ollamaInNixos = {
    imports = [ ../modules/nixpkgs/nixos/modules/services/misc/ollama.nix ];
    options.services.ollama.modelsDir = lib.mkOption {
      type = lib.types.str;
      default = "/var/lib/ollama/models";
    };
    config.services.ollama.directoryOption = "modelsDir";
  };

  llamaCppInNixos.options.services.llama-cpp = lib.mkOption {
    type = lib.types.anything;
    default = { };
  };

  nixpkgs = {
    lib = lib // {
      nixosSystem = { system, modules }: builtins.seq system (nixosWith none modules);
    };
    legacyPackages.x86_64-linux = pkgs;
  };

  nix-ai-models = (import ../../flake.nix).outputs {
    self = nix-ai-models;
    inherit nixpkgs;
  };

  # A configuration whose author has our flake, or downloads a tarball, which is this checkout.
  configuration = builtins.scopedImport {
    inherit nix-ai-models;
    fetchTarball = _url: toString ../..;
  };

  failed = config: map (each: each.message) (lib.filter (each: !each.assertion) config.assertions);

  nixosReport = config: {
    problems =
      failed config
      ++ lib.concatMap (user: (homeReport (homeWith none [ user ])).problems) (
        lib.attrValues config.home-manager.users
      );
    inherit (config) warnings;
    enabled =
      config.services.ai-models.enable or false
      || config.services.nginx.enable
      || config.nix.settings ? substituters
      || config.home-manager.users != { };
    value = force {
      inherit (config) system;
      # The machine's own, which is not built.
      systemd = removeAttrs config.systemd [ "package" ];
      nginx = config.services.nginx.file;
      nix = config.nix.settings;
      modelPaths = config.services.ai-models.modelPaths or { };
    };
  };

  homeReport = config: {
    problems = failed config;
    inherit (config) warnings;
    enabled = config.programs.ai-models.enable;
    value = force {
      inherit (config.programs.ai-models) modelPaths;
      inherit (config.home) sessionVariables;
      inherit (config.home.activation) aiModels;
    };
  };
in
{
  nixos = file: nixosReport (nixosWith { } [ (configuration file) ]);
  home-manager = file: homeReport (homeWith { } [ (configuration file) ]);

  # Of a flake with one configuration.
  flake =
    file:
    let
      flake = import file;
      available = {
        inherit nixpkgs nix-ai-models;
        home-manager = {
          lib.homeManagerConfiguration = { pkgs, modules }: builtins.seq pkgs.lib (homeWith none modules);
          nixosModules.home-manager = { };
        };
      };
      outputs = flake.outputs (
        builtins.mapAttrs (name: _input: available.${name}) flake.inputs // { self = outputs; }
      );
      only = configurations: lib.head (lib.attrValues configurations);
    in
    if outputs ? nixosConfigurations then
      nixosReport (only outputs.nixosConfigurations)
    else
      homeReport (only outputs.homeConfigurations);
}
