# A cache entry without network: `test/tiny`, with the files that the commands in `files` write.
{
  pkgs,
  files ? ''
    echo '{"model_type": "bert"}' > config.json
  '',
  nativeBuildInputs ? [ ],
}:
let
  commit = "0123456789abcdef0123456789abcdef01234567";
in
pkgs.stdenvNoCC.mkDerivation {
  name = "tiny";
  inherit nativeBuildInputs;
  passthru.hfCachePath = "models--test--tiny";
  buildCommand = ''
    mkdir -p $out/{blobs,refs,snapshots/${commit}} files
    printf %s ${commit} > $out/refs/main
    cd files
    ${files}
    for file in *; do
      sum=$(sha256sum "$file" | cut -c1-64)
      cp "$file" "$out/blobs/$sum"
      ln -s "../../blobs/$sum" "$out/snapshots/${commit}/$file"
    done
  '';
}
