{ pkgs }:
let
  util = import ../../../nix/util.nix;

  checkAttrs = util.checkAttrs throw;
  sri = util.sri throw;

  files = {
    a = 1;
    b = 2;
  };
  good = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
in
{
  "util.checkAttrs" = {
    knownNames = {
      expr = checkAttrs "here" [ "a" "b" ] { b = 1; } "value";
      expected = "value";
    };
    anUnknownOne = {
      expr = (builtins.tryEval (checkAttrs "here" [ "a" ] { c = 1; } "value")).success;
      expected = false;
    };
    theMessageNamesWhatThereIs = {
      expr = util.checkAttrs (message: message) "here" [ "a" "b" ] { c = 1; } null;
      expected = "`here.c` is not known; use one of: a, b";
    };
  };

  "util.selectAttrs" = {
    everything = {
      expr = util.selectAttrs null files;
      expected = files;
    };
    whatThereIsOfWhatIsWanted = {
      expr = util.selectAttrs [ "b" "c" ] files;
      expected.b = 2;
    };
    nothing = {
      expr = util.selectAttrs [ ] files;
      expected = { };
    };
  };

  "util.sri" = {
    isKept = {
      expr = sri "hash" good;
      expected = good;
    };
    emptyIsFake = {
      expr = sri "hash" "";
      expected = pkgs.lib.fakeHash;
    };
    othersAreRefused = {
      expr = map (hash: (builtins.tryEval (sri "hash" hash)).success) [
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        "sha512-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        "${good} "
        "sha256-"
      ];
      expected = [
        false
        false
        false
        false
      ];
    };
  };
}
