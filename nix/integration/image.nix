/**
  An OCI image with models, as a program that streams it: nothing is stored twice. Each large file is an
  uncompressed layer that is the same in all images; small files and links are the last layer.

  # Type

  ```
  mkImage :: Pkgs -> {
    models :: [Derivation] | AttrSet,
    name :: String ? …,
    tag :: String ? "latest",
    layout :: "huggingface" | "files" ? "huggingface",
    programs :: Derivation ? null,
    maxLayers :: Int ? 100
  } -> Derivation
  ```

  # Arguments

  pkgs
  : nixpkgs.

  models
  : Models made by `fetchModel`, as a list or an attribute set.

  name
  : Name of the image, with or without a registry. The default is made of the name of a single model, and is
    `models` for several.

  tag
  : Tag of the image.

  layout
  : What is in `/models` of the image: a cache, for `HF_HOME`, or the files of one model.

  programs
  : Programs for an image that has to run some, such as `pkgs.pkgsStatic.busybox`. They must need nothing else.

  maxLayers
  : The maximum number of layers. Beyond it, several files share a layer.

  # Example

  ```nix
  mkImage pkgs { models = [ llama-2-7b ]; }
  ```
*/
let
  inherit (import ../names.nix) sanitize;
  inherit (import ../util.nix)
    firstOf
    lower
    match
    quote
    toJSON
    ;
  types = import ../types;
  bundlePython = import ../bundle-python.nix;
  runPython = import ../run-python.nix;

  helper = import ./models.nix "mkImage";

  program = bundlePython [ ] "images" ../images;

  # A layer does not depend on what is done with it: another release, in which only these modules have
  # changed, does not read the files of a model again.
  layerProgram = bundlePython [
    "archive"
    "build"
    "cli"
    "contents"
    "copy"
    "image"
    "programs"
    "registry"
  ] "layers" ../images;

  # Smaller files share the last layer; ../images/aimodels_images/contents.py has the same number.
  small = 1048576;

  # What Docker, containerd and the kernel can stack.
  most = 120;

  component = "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*";
  registry = "([A-Za-z0-9-]+([.][A-Za-z0-9-]+)+(:[0-9]+)?|[A-Za-z0-9-]+:[0-9]+|localhost)";

  isName =
    text:
    builtins.stringLength text <= 255
    && match "(${registry}/)?${component}(/${component})*" text != null;

  # A name that is like this text, or null.
  nameLike =
    text:
    let
      joined =
        pattern:
        builtins.concatStringsSep "-" (
          builtins.filter (part: builtins.isString part && part != "") (
            builtins.split pattern (lower text)
          )
        );
      names = builtins.filter isName [
        (joined "[^a-z0-9._/-]+")
        (joined "[^a-z0-9]+")
      ];
    in
    if names == [ ] then null else builtins.head names;

  architectures = {
    aarch64 = "arm64";
    i686 = "386";
    riscv64 = "riscv64";
    x86_64 = "amd64";
  };

  architectureOf =
    system:
    let
      cpu = builtins.head (builtins.split "-" system);
    in
    architectures.${cpu} or cpu;

  # Groups of at most so many, of neighbours.
  divide =
    count: list:
    let
      total = builtins.length list;
      length = (total + count - 1) / count;
      group =
        number:
        builtins.genList (index: builtins.elemAt list (number * length + index)) (
          if (number + 1) * length > total then total - number * length else length
        );
    in
    if total == 0 then [ ] else builtins.genList group ((total + length - 1) / length);

  # The derivations of the large files of a model, by which their layers do not have to be made again. A
  # model with one hash has none.
  largeFiles =
    model:
    let
      isLarge =
        blob:
        let
          size = (builtins.fromJSON blob.spec).size or null;
        in
        # Others are links to files of a bundle.
        blob ? outputHash && (size == null || size >= small);
    in
    builtins.filter isLarge (builtins.attrValues (model.blobs or { }));

  # The same without those that are there twice, in the same order.
  distinct =
    files:
    let
      paths = map (file: builtins.unsafeDiscardStringContext file.outPath) files;
      first = builtins.listToAttrs (
        builtins.genList (index: {
          name = builtins.elemAt paths index;
          value = index;
        }) (builtins.length paths)
      );
    in
    map (builtins.elemAt files) (
      builtins.filter (index: first.${builtins.elemAt paths index} == index) (
        builtins.genList (index: index) (builtins.length paths)
      )
    );

  complete = helper.withModels {
    name = {
      type = types.nullOr types.string;
      default = null;
    };
    tag = {
      type = types.string;
      default = "latest";
    };
    layout = {
      type = types.enum [
        "huggingface"
        "files"
      ];
      default = "huggingface";
    };
    programs = {
      type = types.any;
      default = null;
    };
    maxLayers = {
      type = types.size;
      default = 100;
    };
  };

  # The models as the program takes them: a name in caches, and a path.
  modelsOf =
    layout: models:
    let
      entries = helper.byCacheName models;
      given = helper.listed models;
    in
    if layout == "huggingface" then
      map (cacheName: {
        name = cacheName;
        model = helper.linked entries.${cacheName};
        path = "${helper.linked entries.${cacheName}}";
      }) (builtins.attrNames entries)
    else if builtins.length given != 1 then
      helper.fail "`layout = \"files\"` takes one model, but `models` has ${toString (builtins.length given)}: write an image for each"
    else
      let
        inherit (builtins.head given) model;
        linked = helper.linked model;
      in
      [
        {
          inherit (builtins.head given) name;
          model = linked;
          path = helper.snapshotPath linked;
        }
      ];

  problemOf =
    {
      name,
      tag,
      programs,
      maxLayers,
      ...
    }:
    let
      isPackage = programs ? outPath || builtins.isPath programs || builtins.isString programs;
      tagged = match "(.*[^/]):([A-Za-z0-9_][A-Za-z0-9._-]*)" name;
      like = firstOf [
        (nameLike name)
        "models"
      ];
    in
    if name != null && !(isName name) then
      if tagged != null && isName (builtins.head tagged) then
        "`name = ${quote name}` has a tag: write `name = ${quote (builtins.head tagged)}; tag = ${quote (builtins.elemAt tagged 1)};`"
      else
        "`name = ${quote name}` is not a name of an image: write `name = ${quote like}`, in lower case"
    else if match "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}" tag == null then
      "`tag = ${quote tag}` is not a tag: use at most 128 letters, digits and . _ -"
    else if maxLayers < 4 || maxLayers > most then
      "`maxLayers` is ${toString maxLayers}: write a number from 4 to ${toString most}"
    else if programs != null && !isPackage then
      "`programs` must be a package: write `programs = pkgs.pkgsStatic.busybox`"
    else
      null;
in
pkgs:
assert
  pkgs ? stdenvNoCC
  || throw "nix-ai-models: the first argument of integration.mkImage is nixpkgs: write `mkImage pkgs { models = …; }`";
given:
let
  arguments = complete given;
  inherit (arguments)
    layout
    maxLayers
    programs
    tag
    ;

  problem = problemOf arguments;
  models = modelsOf layout arguments.models;

  single =
    if builtins.length models == 1 then builtins.head (helper.listed arguments.models) else null;
  name = firstOf [
    arguments.name
    (if single == null then null else nameLike single.name)
    "models"
  ];
  base = sanitize (baseNameOf name);

  # Builds run on the build platform, and layers are the same for all others.
  tools = pkgs.buildPackages or pkgs;

  mkLayer =
    files:
    tools.stdenvNoCC.mkDerivation (
      runPython layerProgram
      // {
        name = sanitize "${(builtins.head files).name}-layer";
        nativeBuildInputs = [ tools.python3 ];
        spec = toJSON {
          files = map (file: {
            store = "${file}";
            hash = file.outputHash;
          }) files;
        };
      }
    );

  files = distinct (builtins.concatMap (each: largeFiles each.model) models);
in
if problem != null then
  helper.fail problem
else
  tools.stdenvNoCC.mkDerivation (
    runPython program
    // {
      name = "${base}-image";
      nativeBuildInputs = [ tools.python3 ];
      spec = toJSON {
        inherit
          layout
          maxLayers
          name
          tag
          ;
        architecture = architectureOf pkgs.stdenvNoCC.hostPlatform.system;
        programs = if programs == null then null else "${programs}";
        models = map (each: removeAttrs each [ "model" ]) models;
        # Links, small files, programs and files that are in no other build have layers, too.
        layers = map (layer: "${mkLayer layer}") (divide (maxLayers - 3) files);
      };
      postBuild = ''
        mkdir -p "$out/bin"
        cat > "$out/bin/${base}" << END
        #!${pkgs.runtimeShell}
        PATH="\''${PATH:+\$PATH:}${pkgs.skopeo}/bin" exec ${pkgs.python3}/bin/python3 -BEs -X utf8 ${program} run "$out/image" "\$@"
        END
        chmod +x "$out/bin/${base}"
      '';
      passthru = {
        imageName = name;
        imageTag = tag;
      };
      meta.mainProgram = base;
    }
  )
