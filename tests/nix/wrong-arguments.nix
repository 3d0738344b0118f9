# What each kind of value does in each place of the arguments of `fetchModel`: place -> kind of value ->
# `built`, whether there is a derivation, and `problem`, what the modules report or null. Evaluation errors
# that are not ours end it.
let
  pkgs = import ./pkgs {
    system = "x86_64-linux";
    # Which strings are licences is not the question here.
    config.allowUnfree = true;
  };
  fetchModel = import ../../nix/fetch-model.nix pkgs;
  check = (import ../../nix/arguments.nix).check (problem: {
    inherit problem;
  });

  repo = {
    repo = "org/model";
    rev = "01c7f73d771dfac7d292323805ebc428287df4f9";
  };
  ofTree =
    arguments:
    {
      name = "m";
      source.huggingface = repo;
      hash = "";
    }
    // arguments;
  ofFiles =
    arguments:
    {
      name = "m";
      source.huggingface = repo;
      files.x.hash = "";
    }
    // arguments;
  ofBundle =
    bundle:
    ofFiles {
      bundle = {
        hash = "";
        files.y.hash = "";
      }
      // bundle;
    };
  ofHub = source: ofTree { source.huggingface = repo // source; };
  ofBucket = source: ofPlain { s3 = { bucket = "bucket"; } // source; };
  ofPlain =
    source:
    ofTree {
      inherit source;
      integration.huggingface.enable = false;
    };

  values = {
    null = null;
    integer = 5;
    negative = -1;
    float = 1.5;
    boolean = true;
    string = "x";
    empty = "";
    # Where a regular expression is applied, it would be too much for the stack.
    long = builtins.concatStringsSep "" (builtins.genList (_number: "aaaaaaaaaa") 30000);
    list = [ ];
    strings = [ "x" ];
    integers = [ 5 ];
    set = { };
    function = x: x;
    path = ./pkgs;
    derivation = pkgs.cacert;
  };

  places = {
    "name" = name: ofTree { inherit name; };
    "hash" = hash: ofTree { inherit hash; };
    "meta" = meta: ofTree { inherit meta; };
    "meta.license" = license: ofTree { meta = { inherit license; }; };
    "include" = include: ofTree { inherit include; };
    "include []" = pattern: ofTree { include = [ pattern ]; };
    "exclude" = exclude: ofTree { inherit exclude; };
    "exclude []" = pattern: ofTree { exclude = [ pattern ]; };
    "integration" = integration: ofTree { inherit integration; };
    "integration.huggingface" = huggingface: ofTree { integration = { inherit huggingface; }; };
    "integration.huggingface.enable" =
      enable: ofTree { integration.huggingface = { inherit enable; }; };
    "integration.huggingface.org" = org: ofTree { integration.huggingface = { inherit org; }; };
    "integration.huggingface.model" = model: ofTree { integration.huggingface = { inherit model; }; };
    "fallbacks" = fallbacks: ofTree { inherit fallbacks; };
    "fallbacks []" = source: ofTree { fallbacks = [ source ]; };
    "source" = source: ofTree { inherit source; };
    "source.huggingface" = huggingface: ofTree { source = { inherit huggingface; }; };
    "source.huggingface.repo" = repo: ofHub { inherit repo; };
    "source.huggingface.rev" = rev: ofHub { inherit rev; };
    "source.huggingface.ref" = ref: ofHub { inherit ref; };
    "source.huggingface.repoType" = repoType: ofHub { inherit repoType; };
    "source.huggingface.endpoint" = endpoint: ofHub { inherit endpoint; };
    "source.huggingface.endpoint []" = endpoint: ofHub { endpoint = [ endpoint ]; };
    "source.s3" = s3: ofPlain { inherit s3; };
    "source.s3.bucket" = bucket: ofBucket { inherit bucket; };
    "source.s3.prefix" = prefix: ofBucket { inherit prefix; };
    "source.s3.region" = region: ofBucket { inherit region; };
    "source.s3.endpoint" = endpoint: ofBucket { inherit endpoint; };
    "source.s3.versions" = versions: ofBucket { inherit versions; };
    "source.s3.versions.\"x\"" = version: ofBucket { versions.x = version; };
    "source.url" = url: ofPlain { inherit url; };
    "source.url.files" = files: ofPlain { url = { inherit files; }; };
    "source.url.files.\"x\"" = url: ofPlain { url.files.x = url; };
    "source.url.files.\"x\" []" = url: ofPlain { url.files.x = [ url ]; };
    "files" = files: ofFiles { inherit files; };
    "files.\"x\"" = file: ofFiles { files.x = file; };
    "files.\"x\".hash" = hash: ofFiles { files.x = { inherit hash; }; };
    "files.\"x\".size" =
      size:
      ofFiles {
        files.x = {
          hash = "";
          inherit size;
        };
      };
    "files.\"x\".lfs" =
      lfs:
      ofFiles {
        files.x = {
          hash = "";
          inherit lfs;
        };
      };
    "bundle" = bundle: ofFiles { inherit bundle; };
    "bundle.hash" = hash: ofBundle { inherit hash; };
    "bundle.files" = files: ofBundle { inherit files; };
    "bundle.files.\"y\"" = file: ofBundle { files.y = file; };
    "bundle.files.\"y\".hash" = hash: ofBundle { files.y = { inherit hash; }; };
    "bundle.files.\"y\".size" =
      size:
      ofBundle {
        files.y = {
          hash = "";
          inherit size;
        };
      };
    "layout" = layout: ofFiles { inherit layout; };
  };

  tried = arguments: {
    problem = (check arguments).problem or null;
    built = (builtins.tryEval (fetchModel arguments).drvPath).success;
  };
in
builtins.mapAttrs (
  _place: arguments: builtins.mapAttrs (_kind: value: tried (arguments value)) values
) (places // { arguments = arguments: arguments; })
