# `source.s3`: the objects below a prefix of a bucket. `integration.huggingface` names them in a cache.
let
  inherit (import ../urls.nix) isServer;
  inherit (import ../util.nix) match quote selectAttrs;
  pasted = import ../pasted.nix;
  types = import ../types;

  uri =
    where: value:
    let
      meant = pasted.bucket where value;
    in
    if meant == null then types.use "bucket" where value else meant;

  # Bytes, as in Amazon's documentation of object keys.
  maxPrefix = 1024;
in
{
  description = "Objects in a bucket of Amazon S3 or a compatible server. They have no repository name: set `integration.huggingface`.";
  example = {
    bucket = "my-models";
    prefix = "fine-tuned/llama/";
  };

  arguments = types.struct {
    main = "bucket";
    read = pasted.bucketLine;
    renamed = {
      inherit uri;
      name = uri;
      url = uri;
      dir = types.use "prefix";
      directory = types.use "prefix";
      folder = types.use "prefix";
      key = types.use "prefix";
      path = types.use "prefix";
      endpointurl = types.use "endpoint";
      server = types.use "endpoint";
      regionname = types.use "region";
    };
    fields = {
      bucket = {
        type = types.string;
        missing = "name the bucket";
        description = "The bucket.";
        example = "my-models";
      };
      prefix = {
        type = types.string;
        default = "";
        description = "The directory in the bucket. Empty means the whole bucket.";
        example = "fine-tuned/llama/";
      };
      region = {
        type = types.nullOr types.string;
        default = null;
        description = "The region of the bucket. Null means `AWS_REGION` of the building process, or else the region is looked up.";
        example = "eu-central-1";
      };
      endpoint = {
        type = types.nullOr types.string;
        default = null;
        description = "The URL of a server other than Amazon's. Null means `AWS_ENDPOINT_URL_S3` of the building process, or else Amazon.";
        example = "https://s3.example.org";
      };
      versions = {
        type = types.byPath types.string;
        default = { };
        description = "The object version of each file below the prefix, for buckets with versioning.";
        example = {
          "config.json" = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY";
        };
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
    fail:
    {
      bucket,
      prefix,
      region,
      endpoint,
      versions,
    }:
    let
      where = "source.s3";
      given = prefix;
      last = builtins.substring (builtins.stringLength given - 1) 1 given;
      # A directory, because "llama" would match "llama-2" too.
      directory = if given == "" || last == "/" then given else "${given}/";
      pastedBucket = pasted.bucket where bucket;
      meant = if pastedBucket == null then "the name alone, without URL or path" else pastedBucket;
    in
    if match "[0-9A-Za-z][0-9A-Za-z._-]{1,61}[0-9A-Za-z]" bucket == null then
      fail "`${where}.bucket = ${quote bucket}` is not a bucket name: write ${meant}"
    else if builtins.stringLength given > maxPrefix then
      fail "`${where}.prefix` is longer than the 1024 bytes that a name in a bucket may have: shorten it"
    else if match "(.*/)?[.][.]?/.*" directory != null then
      fail "`${where}.prefix = ${quote given}` contains `.` or `..` as a part, which cannot be requested: remove it"
    else if region != null && match "[0-9A-Za-z-]+" region == null then
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
        repo = "s3://${bucket}/${directory}";
        rev = null;
        repoType = "model";
        hasCommits = false;
        # Without region and endpoint, which only decide how the same objects are reached.
        identity = {
          type = "s3";
          inherit bucket versions;
          prefix = directory;
        };
        isByPath = versions != { };
        spec = paths: {
          s3 = {
            inherit bucket region endpoint;
            prefix = directory;
            versions = selectAttrs paths versions;
          };
        };
      };
}
