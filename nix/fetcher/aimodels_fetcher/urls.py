"""URLs: which may be used, what of them to show, and which server they belong to.

nix/urls.nix has the same rules for what may be stored.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from urllib.parse import urlsplit

from aimodels_fetcher.errors import FetchError

_PORTS = {"http": 80, "https": 443}

# A host is ASCII (others are written in Punycode), and its port is one that exists.
_NAME = r"(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])"
_HOST = (
    rf"{_NAME}(?::(?:[1-9][0-9]{{0,3}}|[1-5][0-9]{{4}}|6[0-4][0-9]{{3}}"
    r"|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
)
_SERVER = re.compile(rf"https?://{_HOST}(?:/[^\x00-\x20\x7f\\@?#]*)?\Z")
_FILE = re.compile(rf"https?://{_HOST}/[^\x00-\x20\x7f\\#]+\Z")
_LONGEST = 4096  # characters: what nix/util.nix matches

_SHOWN = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:[^\s/?#\\]*@)?"
    rf"(?P<server>{_NAME}(?::[0-9]{{1,5}})?)(?P<path>/[^\s?#\\]*)?(?P<rest>[?#].*)?\Z",
    re.DOTALL,
)
_SERVER_PART = re.compile("[^/?#]*//[^/?#]*")
_NOT_SHOWN = "an address that cannot be parsed"
_HIDDEN = "a text that may hold a secret"
_WITH_SECRET = re.compile(
    r"\bhf_[0-9A-Za-z]{16,}|(?:token|secret|passw\w*|api[_-]?key|bearer)['\"]?[\s=:]+\S",
    re.IGNORECASE,
)

# Names of parameters that sign a request or stand for a login, in lower case: without what is
# neither letter nor digit, and with hyphens in the place of that.
_SECRET = re.compile(
    r".*(secret|token|passw|passphrase|passcode|passkey|pwd|credential|signature|cookie|session"
    r"|sessid|jwt|bearer|hmac|assertion|oauth|authent|authoriz|authoris"
    r"|(api|access|account|app|auth|client|consumer|function|license|licence|master|private|rl"
    r"|shared|sign|signing|storage|subscription|user)key"
    r"|(access|auth|invite|security|verification)code).*"
    r"|.*(sig|pass|auth)[0-9]*|code"
)
_SECRET_WORD = re.compile(
    r"(.*-)?(auth|cred|creds|key|otp|pin|pw|sas|sid|sig|sign|signed|totp)[0-9]*(-.*)?"
)
_ENCODED = re.compile("%([2-6][0-9A-Fa-f]|7[0-9A-Ea-e])")
_MOST_DECODINGS = 8
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def public(url: str) -> str:
    """Return a URL without the parts that may hold a secret: user, password, query, fragment.

    Of anything that is not clearly a URL nothing is returned but words that say so: a password with
    a slash, for one, makes what is before it look like the server.
    """
    match = _SHOWN.match(url)
    if not match:
        return _NOT_SHOWN
    server, path = match["server"], match["path"] or ""
    # A login may end at any later @: `user:12/3@host` is the server `user` to a parser.
    if "@" in path + (match["rest"] or "") and (":" in server + path or "." not in server):
        return _NOT_SHOWN
    return f"{match['scheme']}://{server}{path}"


def is_shown(url: str) -> bool:
    """Return whether `public` returns a URL."""
    return public(url) != _NOT_SHOWN


def server(url: str) -> str:
    """Return the host and the port of a URL for messages."""
    return public(url).partition("://")[2].partition("/")[0] or _NOT_SHOWN


def quoted(text: str) -> str:
    """Return what a person wrote, in quotes for a message; of a possible URL only what is public.

    People paste `https://user:token@huggingface.co/org/name` where a name is asked for, and
    commands with a token.
    """
    if _WITH_SECRET.search(text):
        return _HIDDEN
    if re.search(r":[/\\]|@.*[:/]|[:/].*@", text, re.DOTALL):
        return repr(public(text)) if is_shown(text) else _NOT_SHOWN
    return repr(text)


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return what makes one server: scheme, host and port (RFC 6454, 4).

    Raises:
        FetchError: The URL is malformed.
    """
    try:
        return _origin_of(server_part(url))
    except ValueError:
        # Its message quotes what may be a password.
        raise FetchError(
            f"{public(url)} is not a valid address",
            "check HF_ENDPOINT and the model's endpoint",
        ) from None


def server_part(url: str) -> str:
    """Return what of a URL is before its path: the scheme, perhaps a login, the host, the port."""
    before = _SERVER_PART.match(url)
    return before[0] if before else url


@lru_cache(maxsize=64)
def _origin_of(server: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(server)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def is_server(text: str) -> bool:
    """Return whether this is the http(s) URL of a server, without user, password or query."""
    return bool(_SERVER.match(text)) and _is_valid(text)


def is_file(text: str) -> bool:
    """Return whether this is the http(s) URL of a file, without user, password or fragment.

    It may have a query, but see `has_query` and `holds_secret`.
    """
    return bool(_FILE.match(text)) and _is_valid(text)


def has_query(url: str) -> bool:
    """Return whether a URL has a query, which may hold a secret under any name."""
    return "?" in url


def holds_secret(url: str) -> bool:
    """Return whether a URL has a parameter whose value nobody else may read, by its name.

    Parameters begin after `?`, `&` and `;`, also where these are percent-encoded, and however
    often: a server may decode them, and may pass them on.
    """
    for _ in range(_MOST_DECODINGS):
        decoded = _ENCODED.sub(lambda code: chr(int(code[1], 16)), url)
        if decoded == url:
            break
        url = decoded
    else:
        return True
    _, *parameters = re.split("[?&;]", url.translate(_LOWER))
    return any("=" in one and _is_secret(one.partition("=")[0]) for one in parameters)


def _is_secret(name: str) -> bool:
    plain = re.sub("%[0-9a-f][0-9a-f]", "", name)
    compact = re.sub("[^a-z0-9]", "", plain)
    return bool(
        _SECRET.fullmatch(compact) or _SECRET_WORD.fullmatch(re.sub("[^a-z0-9]", "-", plain))
    )


def _is_valid(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:
        return False  # the brackets hold no IPv6 address
    return len(url) <= _LONGEST
