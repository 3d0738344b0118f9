let
  inherit (import ../../../nix/keys.nix throw) check;
in
{
  "keys.check" = {
    knownNames = {
      expr = check "here" [ "a" "b" ] { b = 1; } "value";
      expected = "value";
    };
    anUnknownOne = {
      expr = (builtins.tryEval (check "here" [ "a" ] { c = 1; } "value")).success;
      expected = false;
    };
  };
}
