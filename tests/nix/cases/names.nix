let
  names = import ../../../nix/names.nix;
  long = builtins.concatStringsSep "" (builtins.genList (_: "0123456789") 30);
in
{
  "names.mkCacheName" = {
    ofAModel = {
      expr = names.mkCacheName {
        org = "meta-llama";
        model = "Llama-2-7b-hf";
      };
      expected = "models--meta-llama--Llama-2-7b-hf";
    };
    withoutAnOrganisation = {
      expr = names.mkCacheName { model = "gpt2"; };
      expected = "models--gpt2";
    };
    ofADataset = {
      expr = names.mkCacheName {
        org = "org";
        model = "data";
        repoType = "dataset";
      };
      expected = "datasets--org--data";
    };
  };

  "names.isRepoPart" = {
    asTheHubDoes = {
      expr = map names.isRepoPart [
        "Llama-2-7b.hf_"
        "a"
        ""
        "-a"
        "a."
        "a--b"
        "a..b"
        "a b"
        (builtins.substring 0 96 long)
        (builtins.substring 0 97 long)
      ];
      expected = [
        true
        true
        false
        false
        false
        false
        false
        false
        true
        false
      ];
    };
  };

  "names.renaming" =
    let
      taken = [
        "models--org--m"
        "models--org--a"
        "datasets--my-org--a"
      ];
      line = org: model: "integration.huggingface = { org = \"${org}\"; model = \"${model}\"; };";
    in
    {
      aNameThatIsFree = {
        expr = [
          (names.renaming taken "models--org--m" "b c")
          (names.renaming taken "models--org--m" "m")
          (names.renaming taken "models--org--m" "a")
          (names.renaming taken "models--gpt2" "-")
          (names.renaming taken "datasets--squad" "a")
        ];
        expected = [
          (line "org" "b-c")
          (line "org" "m-2")
          (line "org" "a-2")
          (line "my-org" "my-model")
          (line "my-org" "a-2")
        ];
      };
    };

  "names.sanitize" = {
    keepsWhatTheStoreTakes = {
      expr = names.sanitize "aZ09+._?=-";
      expected = "aZ09+._?=-";
    };
    oneDashForARunOfOthers = {
      expr = names.sanitize "a b/\${x}\"\n'é.txt";
      expected = "a-b-x-.txt";
    };
    noLeadingDot = {
      expr = names.sanitize "..hidden";
      expected = "hidden";
    };
    noDerivation = {
      expr = map names.sanitize [
        "a.drv"
        ".drv"
        "drv"
      ];
      expected = [
        "a-drv"
        "drv"
        "drv"
      ];
    };
    neverEmpty = {
      expr = map names.sanitize [
        ""
        "..."
      ];
      expected = [
        "unknown"
        "unknown"
      ];
    };
    keepsTheEndOfALongName = {
      expr = names.sanitize "${long}.safetensors";
      expected = builtins.substring (300 + 12 - 207) 207 "${long}.safetensors";
    };
  };

  "names.fileName" = {
    baseName = {
      expr = names.fileName "sub dir/model-00001-of-00002.safetensors";
      expected = "model-00001-of-00002.safetensors";
    };
  };

  "names.treeName" = {
    hashOfTheIdentity = {
      expr = names.treeName "a model" { repo = "org/model"; };
      expected = "a-model-${
        builtins.substring 0 7 (builtins.hashString "sha256" ''{"repo":"org/model"}'')
      }";
    };
    fits = {
      expr = builtins.stringLength (names.treeName long { });
      expected = 207;
    };
  };
}
