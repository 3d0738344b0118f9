let
  quote = import ../../../nix/integration/quote.nix;
in
{
  # A shell reads them in ../test_shells.py.
  "quote.expandable" = {
    keepsVariables = {
      expr = quote.expandable "$HOME/a \"b\" `c` \\d";
      expected = "\"$HOME/a \\\"b\\\" \\`c\\` \\\\d\"";
    };
  };

  "quote.literal" = {
    keepsEverything = {
      expr = quote.literal "$HOME/it's";
      expected = "'$HOME/it'\\''s'";
    };
  };
}
