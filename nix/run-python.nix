/**
  The attributes with which `stdenvNoCC.mkDerivation` runs one of the library's Python programs on a spec, but for
  `name`, `spec` and `nativeBuildInputs`.

  # Type

  ```
  runPython :: String -> AttrSet
  ```

  # Arguments

  program
  : The store path of the program, as ./bundle-python.nix makes it.
*/
program: {
  # A listing of thousands of files does not fit into an environment variable. nixpkgs can be configured to
  # default to structured attributes, which have no passAsFile.
  passAsFile = [ "spec" ];
  __structuredAttrs = false;
  preferLocalBuild = true;
  dontFixup = true;
  # With a build command, stdenv runs no phases or hooks; this one is for `overrideAttrs`.
  buildCommand = ''
    python3 -B -X utf8 ${program} "$specPath"
    eval "''${postBuild-}"
  '';
}
