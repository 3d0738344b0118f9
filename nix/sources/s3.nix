# `source.s3`: the objects below a prefix of a bucket. What they are called in a cache is for
# `integration.huggingface` to say.
let
  known = [
    "bucket"
    "prefix"
    "region"
    "endpoint"
  ];
in
fail: args:
let
  inherit (import ../keys.nix fail) check;
  prefix = args.prefix or "";
  where = "source.s3";
in
check where known args (
  if !(args ? bucket) then
    fail "`${where}.bucket` is missing: name the bucket"
  else if builtins.match "[0-9A-Za-z._-]{3,63}" args.bucket == null then
    fail "`${where}.bucket = \"${args.bucket}\"` is not the name of a bucket: no address, no path"
  else
    {
      type = "s3";
      org = null;
      model = null;
      repo = "s3://${args.bucket}/${prefix}";
      rev = null;
      repoType = "model";
      # The region and the endpoint are left out: they say how to reach the same objects.
      identity = {
        type = "s3";
        inherit (args) bucket;
        inherit prefix;
      };
      spec.s3 = {
        inherit (args) bucket;
        inherit prefix;
        region = args.region or null;
        endpoint = args.endpoint or null;
      };
    }
)
