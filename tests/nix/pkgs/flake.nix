{
  description = "Stand-in for nixpkgs: --override-input nixpkgs path:tests/nix/pkgs";

  outputs =
    { self }:
    let
      lib = import ./lib.nix;
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [
        "aarch64-darwin"
        "aarch64-linux"
        "x86_64-darwin"
        "x86_64-linux"
      ] (system: import ./. { inherit system; });
    };
}
