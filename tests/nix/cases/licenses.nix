{ pkgs }:
let
  licenses = import ../../../nix/modules/licenses.nix pkgs.lib;
in
{
  # With nixpkgs' licences: ../../modules/test_assertions.py.
  "licenses.isUnfree" = {
    namesOfTheHub = {
      expr = map licenses.isUnfree [
        "mit"
        "MIT"
        "gpl"
        "llama2"
        [
          "mit"
          "other"
        ]
      ];
      expected = [
        false
        false
        false
        true
        true
      ];
    };
    licencesOfNixpkgs = {
      expr = map licenses.isUnfree [
        pkgs.lib.licenses.mit
        { fullName = "Ours"; }
        { free = false; }
      ];
      expected = [
        false
        false
        true
      ];
    };
  };

  "licenses.nameOf" = {
    some = {
      expr = map licenses.nameOf [
        "llama2"
        { spdxId = "MIT"; }
        { fullName = "Ours"; }
        { }
        [
          "mit"
          { shortName = "unfree"; }
        ]
      ];
      expected = [
        "llama2"
        "MIT"
        "Ours"
        "unknown"
        "mit, unfree"
      ];
    };
  };
}
