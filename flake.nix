{
  description = "AI models as Nix packages: pinned, built offline, found by Hugging Face programs";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      # Those of nixpkgs-unstable. The library, the overlay and the modules work on every system.
      eachSystem =
        make:
        nixpkgs.lib.genAttrs [
          "aarch64-darwin"
          "aarch64-linux"
          "x86_64-linux"
        ] (system: make nixpkgs.legacyPackages.${system} self.packages.${system});
    in
    {
      # The library: fetchModel, integration. It takes no arguments and is the same on all systems.
      lib = import ./nix;

      # Old releases of Nix accept no paths as modules here.
      nixosModules.default.imports = [ ./nix/modules/nixos.nix ];
      homeModules.default.imports = [ ./nix/modules/home-manager.nix ];
      # The older name.
      homeManagerModules = self.homeModules;

      templates.default = import ./templates;

      packages = eachSystem (
        pkgs: packages: {
          aimodels-gen = pkgs.callPackage ./package.nix { };
          default = packages.aimodels-gen;
        }
      );

      apps = eachSystem (
        _pkgs: packages: {
          default = {
            type = "app";
            program = "${packages.aimodels-gen}/bin/aimodels-gen";
            meta.description = "Pin models and render them as Nix";
          };
        }
      );

      overlays.default = final: _prev: {
        aimodels-gen = final.callPackage ./package.nix { };
        fetchModel = self.lib.fetchModel final;
      };

      checks = eachSystem (
        pkgs: packages:
        {
          inherit (packages) aimodels-gen;
          library = import ./tests/nix/check.nix { inherit pkgs; };
        }
        # nixpkgs.lib alone, which some use in place of nixpkgs, has no NixOS.
        // (if nixpkgs.lib ? nixosSystem then import ./tests/checks { inherit self nixpkgs pkgs; } else { })
      );

      # Not among the checks, because it requires KVM.
      legacyPackages = eachSystem (
        pkgs: _packages: {
          vm-test = import ./tests/checks/vm.nix { inherit self pkgs; };
        }
      );

      devShells = eachSystem (
        pkgs: packages: {
          default = pkgs.mkShell {
            inputsFrom = [ packages.aimodels-gen ];
            packages = [ packages.aimodels-gen ];
          };
        }
      );

      formatter = eachSystem (pkgs: _packages: pkgs.nixfmt-tree);
    };
}
