# Python packages of the stand-in. Libraries come from a directory with installed ones, whose path is in
# a file `site-packages` next to this one; tests write it.
{ mkDerivation }:
let
  file = ./site-packages;
  sitePackages =
    if builtins.pathExists file then
      builtins.readFile file
    else
      throw "the stand-in for nixpkgs has no Python packages: write the path of their directory to ${toString file}";

  # By name, because a misspelt dependency must be an error here, too.
  library = name: { pname = name; };
in
{
  botocore = library "botocore";
  click = library "click";
  dulwich = library "dulwich";
  hatchling = library "hatchling";
  huggingface-hub = library "huggingface-hub";
  jinja2 = library "jinja2";
  msgspec = library "msgspec";
  requests = library "requests";
  rich = library "rich";

  # Builds the wheel with the backend that pyproject.toml names, and installs it.
  buildPythonApplication =
    {
      pname,
      version,
      pyproject,
      src,
      build-system,
      dependencies,
      nativeBuildInputs,
      postInstall,
      pythonImportsCheck,
      meta,
    }:
    assert pyproject;
    assert builtins.all (package: package ? pname) (build-system ++ dependencies);
    mkDerivation {
      inherit
        pname
        version
        src
        nativeBuildInputs
        postInstall
        meta
        ;
      buildCommand = ''
        export PYTHONPATH=${sitePackages} HOME=$TMPDIR PIP_CONFIG_FILE=/dev/null
        cp -r --no-preserve=mode "$src" source
        python3 -m pip install --quiet --no-index --no-deps --no-build-isolation --target $out/lib ./source
        export PYTHONPATH=$out/lib:$PYTHONPATH
        for module in ${builtins.concatStringsSep " " pythonImportsCheck}; do
          python3 -c "import $module"
        done
        mkdir $out/bin
        cat > $out/bin/${pname} << END
        #!/bin/sh
        PYTHONPATH=$PYTHONPATH exec python3 $out/lib/bin/${pname} "\$@"
        END
        chmod +x $out/bin/${pname}
        for input in $nativeBuildInputs; do
          . $input/nix-support/setup-hook
        done
        eval "$postInstall"
      '';
    };
}
