# An image, as a script that writes it to its standard output. The real one writes an archive for Docker;
# this one two archives, one after the other: the files of `extraCommands`, and the closure of `config`,
# with the image's name and configuration as `image.json`.
{ mkDerivation, runtimeShell }:
{
  name,
  tag ? null,
  config ? { },
  extraCommands ? "",
  maxLayers ? 100,
}:
let
  layer = mkDerivation {
    name = "layer.tar";
    buildCommand = ''
      mkdir root
      cd root
      ${extraCommands}
      tar --create --owner root --group root --file $out .
    '';
  };

  description = mkDerivation {
    name = "image.json";
    text = builtins.toJSON { inherit name tag config; };
    buildCommand = ''
      printf %s "$text" > $out
    '';
  };
in
assert maxLayers > 1;
mkDerivation {
  name = "stream-${name}";
  inherit description;
  exportReferencesGraph = [
    "closure"
    description
  ];
  buildCommand = ''
    # Besides paths it lists their derivations.
    paths=$(grep "^$NIX_STORE/" closure | grep --invert-match '[.]drv$' | sort --unique | cut --characters 2-)
    cat > $out << END
    #!${runtimeShell}
    cat ${layer}
    exec tar --create --directory / --transform "s,^''${description#/}$,image.json," ''${paths//$'\n'/ }
    END
    chmod +x $out
  '';
}
