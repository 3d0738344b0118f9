{
  description = "AI models, pinned by aimodels-gen";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    nix-ai-models = {
      url = "github:nix-ai-models/nix-ai-models";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { nixpkgs, nix-ai-models, ... }:
    let
      inherit (nixpkgs) lib;
      inherit (nix-ai-models.lib) fetchModel integration;

      eachSystem =
        make:
        lib.genAttrs [
          "x86_64-linux"
          "aarch64-linux"
          "aarch64-darwin"
        ] (
          system:
          make system (
            import nixpkgs {
              inherit system;
              # Set this to true for models with unfree licences, such as Llama and Gemma.
              config.allowUnfree = false;
            }
          )
        );

      # The models of models.toml, as `nix run .#lock` has pinned them.
      modelsFor = pkgs: import ./models.nix { inherit pkgs fetchModel; };

      # Those that are cache entries: not the ones with `integration.huggingface.enable = false`.
      entriesFor = pkgs: lib.filterAttrs (_name: model: model ? hfCachePath) (modelsFor pkgs);
    in
    {
      # `nix build .#NAME` builds one model; `nix build` a cache with all of them, for programs that run
      # with HF_HUB_CACHE=$PWD/result/hub HF_HUB_OFFLINE=1.
      packages = eachSystem (
        _system: pkgs:
        {
          default =
            if modelsFor pkgs == { } then
              pkgs.runCommand "no-model-is-locked-yet" { } ''
                echo 'no model is locked yet: run `nix run .#lock`, and `nix build` again' >&2
                exit 1
              ''
            else
              integration.mkCache pkgs (entriesFor pkgs);
        }
        // modelsFor pkgs
      );

      # `nix run .#lock` pins new models of models.toml, `nix run .#lock -- --upgrade` updates the pins of
      # all. `nix run` is aimodels-gen, which has more commands.
      apps = eachSystem (
        system: pkgs:
        let
          aimodels-gen = nix-ai-models.apps.${system}.default;
        in
        {
          default = aimodels-gen;
          lock = {
            type = "app";
            # Online, also from the shell below.
            program = "${pkgs.writeShellScript "lock" ''
              unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE
              exec ${aimodels-gen.program} lock "$@"
            ''}";
            meta.description = "Pin the models of models.toml";
          };
        }
      );

      # `nix develop` starts a shell in which programs find the models, offline.
      devShells = eachSystem (
        system: pkgs: {
          default = pkgs.mkShell {
            packages = [ nix-ai-models.packages.${system}.aimodels-gen ];
            shellHook = integration.mkShellHook { models = entriesFor pkgs; };
          };
        }
      );
    };
}
