{ pkgs }:
let
  licenses = import ../../../nix/licenses.nix pkgs.lib;
  inherit (pkgs) lib;
  inherit (lib.licenses) mit unfree;

  # As in nixpkgs of today, whose operators older releases do not have.
  compound = operator: members: {
    licenseType = "compound";
    inherit operator;
    licenses = members;
  };
  AND = compound "AND";
  OR = compound "OR";
  WITH = license: exception: {
    licenseType = "exception";
    operator = "WITH";
    inherit license exception;
  };
  PLUS = license: {
    licenseType = "plus";
    operator = "+";
    inherit license;
  };

  packageOf = license: {
    name = "m";
    meta.license = licenses.resolve license;
  };

  # What nixpkgs makes of a licence.
  accepts =
    license:
    (builtins.tryEval (
      import ../pkgs/check-license.nix {
        inherit lib;
        config = { };
      } (packageOf license) true
    )).success;

  free = [
    mit
    "mit"
    "MIT"
    "apache-2.0"
    "gpl-2.0"
    "gpl"
    "pddl"
    { fullName = "Ours"; }
    [ ]
    [
      mit
      "apache-2.0"
      { fullName = "Ours"; }
    ]
    (AND [
      mit
      mit
    ])
    (OR [
      unfree
      mit
    ])
    (OR [
      unfree
      "mit"
    ])
    (OR [
      "llama2"
      (AND [
        mit
        "apache-2.0"
      ])
    ])
    (WITH mit mit)
    (PLUS mit)
    [
      (OR [
        unfree
        mit
      ])
      mit
    ]
  ];
  notFree = [
    unfree
    "unfree"
    "llama2"
    "openrail++"
    "cc-by-nc-4.0"
    "a name that nobody has seen"
    { free = false; }
    [
      mit
      unfree
    ]
    [
      "other"
      "llama2"
    ]
    (AND [
      unfree
      mit
    ])
    (AND [
      "mit"
      { free = false; }
    ])
    (OR [ ])
    (WITH mit unfree)
    (WITH unfree mit)
    (PLUS unfree)
    [
      mit
      (AND [
        unfree
        mit
      ])
    ]
    (OR [
      (AND [
        mit
        unfree
      ])
      "gemma"
    ])
  ];
  unknown = [
    "other"
    "unknown"
    "cc"
    [
      "mit"
      "other"
    ]
    (AND [
      mit
      "other"
    ])
    (OR [
      unfree
      "other"
    ])
  ];
in
{
  # With nixpkgs' licences: ../test_nixpkgs_lib.py.
  "licenses.isUnfree" = {
    free = {
      expr = builtins.filter licenses.isUnfree free;
      expected = [ ];
    };
    unfreeOrNotKnown = {
      expr = builtins.filter (license: !(licenses.isUnfree license)) (notFree ++ unknown);
      expected = [ ];
    };
  };

  "licenses.resolve" = {
    isRefusedByNixpkgsIfItIsUnfree = {
      expr = {
        refused = builtins.filter (license: !(accepts license)) (free ++ unknown);
        accepted = builtins.filter accepts notFree;
      };
      expected = {
        refused = [ ];
        accepted = [ ];
      };
    };
    licencesOfNixpkgsStay = {
      expr = map licenses.resolve [
        mit
        "mit"
      ];
      expected = [
        mit
        mit
      ];
    };
    compoundLicencesOfNixpkgsStay = {
      expr = removeAttrs (licenses.resolve (AND [ mit ])) [
        "free"
        "shortName"
      ];
      expected = AND [ mit ];
    };
    names = {
      expr = map (name: (licenses.resolve name).shortName) [
        "llama2"
        "other"
        "gpl"
      ];
      expected = [
        "llama2"
        "other"
        "gpl"
      ];
    };
  };

  "licenses.nameOf" = {
    some = {
      expr = map licenses.nameOf [
        "llama2"
        { spdxId = "MIT"; }
        { fullName = "Ours"; }
        { }
        [
          "mit"
          { shortName = "unfree"; }
        ]
        (AND [
          mit
          (OR [
            unfree
            "llama2"
          ])
        ])
        (WITH mit { shortName = "x"; })
        (PLUS mit)
      ];
      expected = [
        "llama2"
        "MIT"
        "Ours"
        "unknown"
        "mit, unfree"
        "MIT AND (unfree OR llama2)"
        "MIT WITH x"
        "MIT+"
      ];
    };
  };
}
