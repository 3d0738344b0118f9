{
  description = "Stand-in for nixpkgs: --override-input nixpkgs path:tests/nix/pkgs";

  outputs =
    { self }:
    let
      lib = import ./lib.nix;

      # As nixpkgs since 26.11, which still has the attribute.
      dropped = throw "Nixpkgs 26.11 has dropped support for x86_64-darwin";
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [
        "aarch64-darwin"
        "aarch64-linux"
        "x86_64-darwin"
        "x86_64-linux"
      ] (system: if system == "x86_64-darwin" then dropped else import ./. { inherit system; });
    };
}
