let
  addresses = import ../../../nix/addresses.nix;
in
{
  "addresses.isServer" = {
    some = {
      expr = map addresses.isServer [
        "https://hub.example.org"
        "http://[::1]:8090/hub/"
        "https://me:secret@hub.example.org"
        "https://hub.example.org/?a=b"
        "hub.example.org"
        ""
      ];
      expected = [
        true
        true
        false
        false
        false
        false
      ];
    };
  };

  "addresses.isFile" = {
    some = {
      expr = map addresses.isFile [
        "https://example.org/a b"
        "https://example.org/a%20b?download=true"
        "https://example.org/@scope/model.gguf"
        "https://me:secret@example.org/model.gguf"
        "https://example.org/"
        "https://example.org/model.gguf#part"
        "ftp://example.org/model.gguf"
      ];
      expected = [
        false
        true
        true
        false
        false
        false
        false
      ];
    };
  };

  "addresses.holdsSecret" = {
    some = {
      expr = map addresses.holdsSecret [
        "https://example.org/a?download=true&response-content-disposition=x"
        "https://example.org/token=a/b"
        "https://example.org/a?monkey=1"
        "https://b.s3.amazonaws.com/a?X-Amz-Algorithm=x&X-Amz-Signature=y"
        "https://example.org/a?sv=1&sig=y"
        "https://example.org/a?private_token=y"
        "https://example.org/a?ApiKey=y"
        "https://example.org/a?x=?&access_token=y"
      ];
      expected = [
        false
        false
        false
        true
        true
        true
        true
        true
      ];
    };
  };
}
