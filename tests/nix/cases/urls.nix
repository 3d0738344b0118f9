let
  urls = import ../../../nix/urls.nix;
in
{
  "urls.isServer" = {
    some = {
      expr = map urls.isServer [
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

  "urls.isFile" = {
    some = {
      expr = map urls.isFile [
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

  "urls.hasQuery" = {
    some = {
      expr = map urls.hasQuery [
        "https://example.org/a?"
        "https://example.org/a%3F"
      ];
      expected = [
        true
        false
      ];
    };
  };

  # tests/contract/test_addresses.py has many more.
  "urls.hasSecret" = {
    some = {
      expr = map urls.hasSecret [
        "https://example.org/a?download=true&response-content-disposition=x"
        "https://example.org/token=a/b"
        "https://example.org/a?monkey=1"
        "https://b.s3.amazonaws.com/a?X-Amz-Algorithm=x&X-Amz-%53ignature=y"
        "https://example.org/a?x=1;client_secret=y"
        "https://example.org/a%3Fprivate_token=y"
        "https://example.org/a?%25252525252525252541=y"
      ];
      expected = [
        false
        false
        false
        true
        true
        true
        true
      ];
    };
  };
}
