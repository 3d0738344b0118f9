let
  bundlePython = import ../../../nix/bundle-python.nix;
in
{
  bundlePython = {
    isNamedAfterTheProgram = {
      expr = builtins.match ".*-ai-models-fetcher" (bundlePython [ ] "fetcher" ../../../nix/fetcher) != null;
      expected = true;
    };
    # Both directories have files, but none of Python.
    leavesOutOtherFiles = {
      expr = bundlePython [ ] "same" ./.;
      expected = bundlePython [ ] "same" ../pkgs;
    };
    leavesOutModules = {
      expr =
        bundlePython [ "__main__" ] "same" ../../../nix/fetcher
        == bundlePython [ ] "same" ../../../nix/fetcher;
      expected = false;
    };
    hasThePrograms = {
      expr = bundlePython [ ] "same" ../../../nix/fetcher == bundlePython [ ] "same" ./.;
      expected = false;
    };
  };
}
