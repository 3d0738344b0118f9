# `source.s3`: the objects below a prefix of a bucket. `integration.huggingface` names them in a cache.
let
  inherit (import ../urls.nix) isServer quote;
  inherit (import ../util.nix) checkAttrs selectAttrs;

  known = [
    "bucket"
    "prefix"
    "region"
    "endpoint"
    "versions"
  ];
in
{
  description = "Objects in a bucket of Amazon S3 or a compatible server. They have no repository name: set `integration.huggingface`.";
  example = {
    bucket = "my-models";
    prefix = "fine-tuned/llama/";
  };

  options =
    lib:
    let
      inherit (lib) mkOption types;
      nullable = import ../nullable.nix lib;
    in
    {
      bucket = mkOption {
        type = types.str;
        description = "The bucket.";
        example = "my-models";
      };
      prefix = mkOption {
        type = types.str;
        default = "";
        description = "The directory in the bucket. Empty means the whole bucket.";
        example = "fine-tuned/llama/";
      };
      region =
        nullable types.str
          "The region of the bucket. Null means `AWS_REGION` of the building process, or else the region is looked up."
          "eu-central-1";
      endpoint =
        nullable types.str
          "The URL of a server other than Amazon's. Null means `AWS_ENDPOINT_URL_S3` of the building process, or else Amazon."
          "https://s3.example.org";
      versions = mkOption {
        type = types.attrsOf types.str;
        default = { };
        description = "The object version of each file below the prefix, for buckets with versioning.";
        example = {
          "config.json" = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY";
        };
      };
    };

  impureEnvVars = [
    "AWS_ACCESS_KEY_ID"
    "AWS_DEFAULT_REGION"
    "AWS_EC2_METADATA_DISABLED"
    "AWS_EC2_METADATA_SERVICE_ENDPOINT"
    "AWS_ENDPOINT_URL"
    "AWS_ENDPOINT_URL_S3"
    "AWS_REGION"
    "AWS_REQUEST_PAYER"
    "AWS_SECRET_ACCESS_KEY"
    "AWS_SESSION_TOKEN"
  ];
  pythonPackages = python: [ python.botocore ];

  normalise =
    fail: args:
    let
      region = args.region or null;
      endpoint = args.endpoint or null;
      versions = args.versions or { };
      given = args.prefix or "";
      # A directory, because "llama" would match "llama-2" too.
      prefix = if given == "" || builtins.match ".*/" given != null then given else "${given}/";
      where = "source.s3";
    in
    checkAttrs fail where known args (
      if !(args ? bucket) then
        fail "`${where}.bucket` is missing: name the bucket"
      else if builtins.match "[0-9A-Za-z][0-9A-Za-z._-]{1,61}[0-9A-Za-z]" args.bucket == null then
        fail "`${where}.bucket = ${quote args.bucket}` is not a bucket name: write the name alone, without URL or path"
      else if builtins.match "(.*/)?[.][.]?/.*" prefix != null then
        fail "`${where}.prefix = ${quote given}` contains `.` or `..` as a part, which cannot be requested: remove it"
      else if region != null && builtins.match "[0-9A-Za-z-]+" region == null then
        fail "`${where}.region = ${quote region}` is not a region: write one like eu-central-1"
      else if endpoint != null && !(isServer endpoint) then
        # It is not quoted, because it may contain a password.
        fail
          "`${where}.endpoint` is not the http(s) URL of a server: write one like https://s3.example.org, without user, password or query"
      else
        {
          type = "s3";
          org = null;
          model = null;
          repo = "s3://${args.bucket}/${prefix}";
          rev = null;
          repoType = "model";
          hasCommits = false;
          # Without region and endpoint, which only decide how the same objects are reached.
          identity = {
            type = "s3";
            inherit (args) bucket;
            inherit prefix versions;
          };
          spec = paths: {
            s3 = {
              inherit (args) bucket;
              inherit prefix region endpoint;
              versions = selectAttrs paths versions;
            };
          };
        }
    );
}
