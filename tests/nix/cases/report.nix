# The results of all cases, as data: failures, their number, and exported functions without a case.
{ pkgs }:
let
  cases = import ./. { inherit pkgs; };

  # Only `expr` and `expected` are compared; a case that passes evaluates nothing else.
  failures = builtins.concatMap (
    symbol:
    builtins.concatMap (
      name:
      let
        case = cases.${symbol}.${name};
      in
      if case.expr == case.expected then [ ] else [ ({ inherit symbol name; } // case) ]
    ) (builtins.attrNames cases.${symbol})
  ) (builtins.attrNames cases);

  # Every function that a file of the library exports to others or to users.
  exported =
    path: value:
    if builtins.isAttrs value then
      builtins.concatMap (name: exported (path ++ [ name ]) value.${name}) (builtins.attrNames value)
    else
      [ (builtins.concatStringsSep "." path) ];

  symbols =
    exported [ ] (import ../../../nix)
    ++ exported [ "names" ] (import ../../../nix/names.nix)
    ++ exported [ "sources" ] { inherit (import ../../../nix/sources) normalise; }
    ++ exported [ "pasted" ] (import ../../../nix/pasted.nix)
    ++ exported [ "urls" ] (import ../../../nix/urls.nix)
    ++ exported [ "util" ] (import ../../../nix/util.nix)
    ++ map (type: "types.${type}") (builtins.attrNames (import ../../../nix/types))
    ++ exported [ "arguments" ] { inherit (import ../../../nix/arguments.nix) check; }
    ++ map (name: "fetcher.${name}") (builtins.attrNames (import ../../../nix/fetcher.nix pkgs))
    ++ exported [ "quote" ] (import ../../../nix/integration/quote.nix)
    ++ exported [ "models" ] (import ../../../nix/integration/models.nix "helper")
    ++ exported [ "licenses" ] (import ../../../nix/licenses.nix pkgs.lib)
    ++ exported [ "ollamaNames" ] (import ../../../nix/views/ollama-names.nix)
    ++ exported [ "placing" ] (import ../../../nix/views/placing.nix)
    ++ map (name: "views.${name}") (builtins.attrNames (import ../../../nix/views))
    ++ exported [ "view" ] (import ../../../nix/views/view.nix)
    ++ exported [ "modelFiles" ] (import ../../../nix/views/model-files.nix)
    ++ exported [ "runPython" ] (import ../../../nix/run-python.nix)
    ++ exported [ "bundlePython" ] (import ../../../nix/bundle-python.nix);
in
{
  inherit failures;
  count = builtins.foldl' (
    sum: symbol: sum + builtins.length (builtins.attrNames cases.${symbol})
  ) 0 (builtins.attrNames cases);
  inherit symbols;
  untested = builtins.filter (symbol: !(cases ? ${symbol})) symbols;
}
