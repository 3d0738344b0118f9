let
  only = import ../../../nix/only.nix;
  files = {
    a = 1;
    b = 2;
  };
in
{
  only = {
    everything = {
      expr = only null files;
      expected = files;
    };
    whatThereIsOfWhatIsWanted = {
      expr = only [ "b" "c" ] files;
      expected.b = 2;
    };
    nothing = {
      expr = only [ ] files;
      expected = { };
    };
  };
}
