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

  "urls.hasSecret" = {
    some = {
      expr = map urls.hasSecret [
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
