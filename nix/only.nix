# Of attributes that are files by their paths, those that are wanted; null stands for all.
wanted: files:
if wanted == null then
  files
else
  builtins.intersectAttrs (builtins.listToAttrs (
    map (name: {
      inherit name;
      value = null;
    }) wanted
  )) files
