# A complete Home Manager configuration. Home Manager is not an input of the flake, because it would be in
# the lock file of every consumer.
{
  self,
  nixpkgs,
  pkgs,
  entry,
}:
let
  home-manager = builtins.fetchTarball {
    url = "https://github.com/nix-community/home-manager/archive/ec1a8fdf74ed3f276148ee106299a2ba0e65d51f.tar.gz";
    sha256 = "sha256-XL2qfqmocfsvuEGyomZg4nOZfkuSe8vZtrOX99I+b6I=";
  };
in
((import "${home-manager}/lib" { inherit (nixpkgs) lib; }).homeManagerConfiguration {
  inherit pkgs;
  modules = [
    self.homeModules.default
    {
      home = {
        username = "alice";
        homeDirectory = "/home/alice";
        stateVersion = "26.05";
      };

      programs.ai-models = {
        enable = true;
        models.tiny.package = entry;
        integration.huggingface.mode = "directory";
      };
    }
  ];
}).activationPackage
