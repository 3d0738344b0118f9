let
  pasted = import ../../../nix/pasted.nix;
  rev = "01c7f73d771dfac7d292323805ebc428287df4f9";
  write = "source.huggingface";

  # What to write for each text.
  repositories = {
    "datasets/x" = ''${write} = { repo = "x"; repoType = "dataset"; }'';
    "datasets/org/name" = ''${write} = { repo = "org/name"; repoType = "dataset"; }'';
    "models/org/name" = ''${write}.repo = "org/name"'';
    "models--org--name" = ''${write}.repo = "org/name"'';
    "/home/me/.cache/huggingface/hub/datasets--name" =
      ''${write} = { repo = "name"; repoType = "dataset"; }'';
    "https://huggingface.co/org/name" = ''${write}.repo = "org/name"'';
    "http://www.hf.co/org/name?library=x#y" = ''${write}.repo = "org/name"'';
    "https://hf-mirror.com/spaces/org/name" = ''${write} = { repo = "org/name"; repoType = "space"; }'';
    "https://huggingface.co/org/name/tree/main" = ''${write}.repo = "org/name"'';
    "https://huggingface.co/org/name/tree/v1" = ''${write} = { repo = "org/name"; ref = "v1"; }'';
    "https://huggingface.co/org/name/commit/${rev}" =
      ''${write} = { repo = "org/name"; rev = "${rev}"; }'';
    "https://huggingface.co/org/name/tree/refs%2Fpr%2F1" =
      ''${write} = { repo = "org/name"; ref = "refs/pr/1"; }'';
    "https://huggingface.co/api/models/org/name" = ''${write}.repo = "org/name"'';
    "https://huggingface.co/gpt2/tree/main" = ''${write}.repo = "gpt2"'';
    "huggingface.co/org/name/" = ''${write}.repo = "org/name"'';
    "git@hf.co:org/name.git" = ''${write}.repo = "org/name"'';
    "hf://datasets/org/name@v1" =
      ''${write} = { repo = "org/name"; ref = "v1"; repoType = "dataset"; }'';
    " org/name\n" = ''${write}.repo = "org/name"'';
    "org/name.git" = ''${write}.repo = "org/name"'';
    "org/name@${rev}" = ''${write} = { repo = "org/name"; rev = "${rev}"; }'';
  };

  # The same, with a pattern.
  files = {
    "org/name:Q4_K_M" = "*Q4_K_M[.-]*gguf";
    "org/name/onnx" = "onnx/*";
    "org/name/onnx/model.onnx" = "onnx/model.onnx";
    "https://huggingface.co/org/name/blob/main/x.gguf" = "x.gguf";
    "https://huggingface.co/org/name/resolve/main/a%20b.json" = null;
    "https://huggingface.co/org/name/tree/main/sub/dir" = "sub/dir/*";
  };

  unread = [
    ""
    " "
    "org name"
    "../name"
    "org/.."
    "./name"
    "/org/name"
    "models"
    "datasets/models"
    "https://example.org/org/name"
    "https://user:secret@huggingface.co/org/name"
    "user:secret@huggingface.co/org/name"
    "user:secret"
    "hf://user:secret@org/name"
    "https://huggingface.co"
    (builtins.concatStringsSep "" (builtins.genList (_number: "a/") 5000))
    5
    null
    [ "org/name" ]
  ];

  buckets = {
    "s3://my-models" = ''source.s3.bucket = "my-models"'';
    "s3://my-models/" = ''source.s3.bucket = "my-models"'';
    "s3://my-models/llama/7b/" = ''source.s3 = { bucket = "my-models"; prefix = "llama/7b/"; }'';
    "my-models/llama" = ''source.s3 = { bucket = "my-models"; prefix = "llama"; }'';
  };
in
{
  "pasted.repository" = {
    whatToWrite = {
      expr = builtins.mapAttrs (text: _line: pasted.repository write text) repositories;
      expected = builtins.mapAttrs (_text: line: "`${line}`") repositories;
    };
    whatToWriteForSomeFiles = {
      expr = builtins.mapAttrs (text: _pattern: pasted.repository write text) files;
      expected = builtins.mapAttrs (
        _text: pattern:
        "`${write}.repo = \"org/name\"`"
        + (
          if pattern == null then
            ""
          else
            ", and `include = [ \"${pattern}\" ]` with a `hash` pin if you want only these files"
        )
      ) files;
    };
    whatCannotBeRead = {
      expr = map (pasted.repository write) unread;
      expected = map (_text: null) unread;
    };
  };

  "pasted.repositoryLine" = {
    noWords = {
      expr = pasted.repositoryLine write "org/name:Q4_K_M";
      expected = ''${write}.repo = "org/name"'';
    };
  };

  "pasted.bucket" = {
    whatToWrite = {
      expr = builtins.mapAttrs (text: _line: pasted.bucket "source.s3" text) buckets;
      expected = builtins.mapAttrs (_text: line: "`${line}`") buckets;
    };
    whatCannotBeRead = {
      expr = map (pasted.bucket "source.s3") [
        "s3://user:secret@my-models/x"
        "https://example.org/my-models"
        "a"
        5
      ];
      expected = [
        null
        null
        null
        null
      ];
    };
  };

  "pasted.bucketLine" = {
    noWords = {
      expr = pasted.bucketLine "source.s3" "s3://my-models";
      expected = ''source.s3.bucket = "my-models"'';
    };
  };
}
