# `source.s3`: the objects below a prefix of a bucket. What they are called in a cache is for
# `integration.huggingface` to say.
let
  inherit (import ../urls.nix) isServer;

  known = [
    "bucket"
    "prefix"
    "region"
    "endpoint"
    "versions"
  ];
in
{
  description = "Objects in a bucket of Amazon S3, or of a server like it. `integration.huggingface` must say what they are called in the cache.";
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
        description = "The folder in it, or nothing for all of it.";
        example = "fine-tuned/llama/";
      };
      region =
        nullable types.str
          "The region of the bucket. Null: `AWS_REGION` of the process that builds, else that one finds out."
          "eu-central-1";
      endpoint =
        nullable types.str
          "The address of a server other than Amazon's. Null: `AWS_ENDPOINT_URL_S3` of the process that builds, else Amazon."
          "https://s3.example.org";
      versions = mkOption {
        type = types.attrsOf types.str;
        default = { };
        description = "The version of each file below the prefix, for buckets that keep versions.";
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
      inherit (import ../keys.nix fail) check;
      region = args.region or null;
      endpoint = args.endpoint or null;
      versions = args.versions or { };
      given = args.prefix or "";
      # As a folder, so that "llama" does not take "llama-2" along.
      prefix = if given == "" || builtins.match ".*/" given != null then given else "${given}/";
      where = "source.s3";
    in
    check where known args (
      if !(args ? bucket) then
        fail "`${where}.bucket` is missing: name the bucket"
      else if builtins.match "[0-9A-Za-z][0-9A-Za-z._-]{1,61}[0-9A-Za-z]" args.bucket == null then
        fail "`${where}.bucket = \"${args.bucket}\"` is not the name of a bucket: no address, no path"
      else if builtins.match "(.*/)?[.][.]?/.*" prefix != null then
        fail "`${where}.prefix = \"${given}\"` has a part `.` or `..`, which no request can be made for"
      else if region != null && builtins.match "[0-9A-Za-z-]+" region == null then
        fail "`${where}.region = \"${region}\"` is no region: write one like eu-central-1"
      else if endpoint != null && !(isServer endpoint) then
        # It is not quoted, because it may hold a password.
        fail
          "`${where}.endpoint` is no http(s) address of a server: write one like https://s3.example.org, without user, password or query"
      else
        {
          type = "s3";
          org = null;
          model = null;
          repo = "s3://${args.bucket}/${prefix}";
          rev = null;
          repoType = "model";
          hasCommits = false;
          # The region and the endpoint are left out: they say how to reach the same objects.
          identity = {
            type = "s3";
            inherit (args) bucket;
            inherit prefix versions;
          };
          spec = paths: {
            s3 = {
              inherit (args) bucket;
              inherit prefix region endpoint;
              versions = import ../only.nix paths versions;
            };
          };
        }
    );
}
