# The options of our modules, as data: for docs/options.md.
{
  # Of the real nixpkgs.
  lib,
}:
let
  optionsOf =
    module: path:
    let
      inherit
        (lib.evalModules {
          modules = [
            module
            {
              # The values of no option are asked for.
              _module.check = false;
              _module.args.pkgs = { };
            }
          ];
        })
        options
        ;
    in
    map
      (option: {
        name = lib.removePrefix "${lib.showOption path}." option.name;
        inherit (option) description type readOnly;
        default = option.default or null;
        example = option.example or null;
      })
      (
        lib.filter (option: option.visible && !option.internal) (
          lib.optionAttrSetToDocList (lib.getAttrFromPath path options)
        )
      );
in
{
  nixos = optionsOf ../../nix/modules/nixos.nix [
    "services"
    "ai-models"
  ];
  home-manager = optionsOf ../../nix/modules/home-manager.nix [
    "programs"
    "ai-models"
  ];
}
