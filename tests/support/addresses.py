"""URLs of files, as the generator, the library and the fetcher have to judge them alike."""

from __future__ import annotations

FINE = [
    "https://example.org/model.gguf",
    "http://127.0.0.1:8080/a",
    "http://[::1]:8090/a",
    "https://example.org:65535/a",
    "https://example.org/@scope/model.gguf",
    "https://cdn.example.org/npm/model@1.0/a.onnx",
    "https://example.org/a%20b",
    "https://example.org/ä/日本.bin",
    "https://example.org/token=a/b",
    "https://example.org/a=1&token",
]

# With a query that may be public.
HARMLESS_NAMES = [
    *("download", "dl", "raw", "v", "versionId", "monkey", "turkey", "author", "authors", "id"),
    *("response-content-disposition", "encode", "language_code", "keyword", "design", "assign"),
    *("X-Amz-Expires", "path", "file", "inline", "passage", "obs", "spin", "pinned"),
]
HARMLESS = [
    "https://example.org/a?",
    "https://example.org/a?download",
    "https://example.org/a?token",
    "https://example.org/a?download=true&v=1",
    "https://example.org/a?download=token",
    "https://example.org/a?x=100%",
    "https://example.org/a?x=%zz&y=%2",
    *(f"https://example.org/a?{name}=x" for name in HARMLESS_NAMES),
]

SECRET_NAMES = [
    *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "X-Goog-Signature"),
    *("x-goog-credential", "Signature", "sig", "SIG", "token", "access_token", "private-token"),
    *("job_token", "api_key", "api-key", "apikey", "ApiKey", "x-api-key", "key", "secret", "auth"),
    *("password", "passwd", "pwd", "pass", "passphrase", "JWT", "client_secret", "clientSecret"),
    *("AWSAccessKeyId", "OSSAccessKeyId", "auth_key", "authKey", "Authorization", "oauth_token"),
    *("session", "sessionid", "PHPSESSID", "JSESSIONID", "sid", "code", "auth_code", "cookie"),
    *("Key-Pair-Id", "subscription-key", "Ocp-Apim-Subscription-Key", "user[password]", "sas"),
    *("hmac", "bearer", "tempauth", "x.auth.token", "rlkey", "wsSecret", "upsig", "sign", "key2"),
    *("credentials", "creds", "otp", "pin", "tokens", "to ken", "to%00ken", "pass+word"),
]
SECRET = [
    *(f"https://example.org/a?{name}=x" for name in SECRET_NAMES),
    *(f"https://example.org/a?download=1&{name}=" for name in SECRET_NAMES),
    "https://example.org/a?X-Amz-%53ignature=x",
    "https://example.org/a?X-Amz-%2553ignature=x",
    "https://example.org/a?%74%6F%6b%65n=x",
    "https://example.org/a?x=1;client_secret=x",
    "https://example.org/a?x=1%26token=x",
    "https://example.org/a?x=1%3Btoken=x",
    "https://example.org/a?token%3Dx",
    "https://example.org/a%3Ftoken=x",
    "https://example.org/a;jsessionid=x",
    "https://example.org/a;token=x/b",
    "https://example.org/a?x=?&access_token=y",
    "https://example.org/a?to=https%3A%2F%2Fexample.org%2Fb%3Ftoken%3Dx",
    "https://account.blob.core.windows.net/c/a?sv=2024-01-01&sp=r&sig=x%3D",
    "https://example.org/a?Expires=1&Signature=x&Key-Pair-Id=y",
    "https://example.org/a?%" + "25" * 12 + "41=x",
]

# With a login, in whatever way it is written, or no URL of a file.
BAD = [
    "",
    "example.org/a",
    "//example.org/a",
    "https:example.org/a",
    "https:/example.org/a",
    "https:///example.org/a",
    "ftp://example.org/a",
    "file:///etc/passwd",
    "https://example.org",
    "https://example.org/",
    "https://example.org/a#part",
    "https://example.org/a b",
    " https://example.org/a",
    "https://example.org/a\n",
    "https://exam\tple.org/a",
    "https://me:secret@example.org/a",
    "https://secret@example.org/a",
    "https://@example.org/a",
    "https://:@example.org/a",
    "https://me@x:secret@example.org/a",
    "https://me:sec/ret@example.org/a",
    "https://me:secret?@example.org/a",
    "https://me:secret%40example.org/a",
    "https://me%3Asecret%40example.org/a",
    "https://me\\:secret@example.org/a",
    "https:\\\\me:secret@example.org\\a",
    "https://example.org\\@evil.example/a",
    "https://example.org/a\\b",
    "https://me：secret＠example.org/a",  # noqa: RUF001 (wide letters)
    "https://exämple.org/a",
    "https://example.org:0/a",
    "https://example.org:/a",
    "https://example.org:80a/a",
    "https://example.org:65536/a",
    "https://example.org/" + "a" * 8000,
]

ALL = [*FINE, *HARMLESS, *SECRET, *BAD]
