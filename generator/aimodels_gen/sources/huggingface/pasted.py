"""What people paste where a repository is asked for: addresses, commands, calls, other keys."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import unquote

from aimodels_engines.quants import is_quant
from aimodels_fetcher.sources.huggingface import DEFAULT_ENDPOINT, endpoints
from aimodels_fetcher.urls import is_shown, public
from aimodels_gen.engines.huggingface import is_repo_part
from aimodels_gen.pasted import QUANT, Draft, Meant, below, exactly, plain_key, plain_text
from aimodels_gen.sources.huggingface import DEFAULT_REF, HUB_HOSTS, RepoType, is_commit
from aimodels_gen.sources.huggingface.pasted_code import in_call, in_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAIN = "repo"
_KIND = "huggingface"
_REPO = frozenset(
    [
        "repo",
        "repo_id",
        "repo_name",
        "repository",
        "repository_id",
        "model",
        "model_id",
        "model_name",
        "name",
        "id",
        "path",
        "url",
        "uri",
        "link",
        "pretrained_model_name_or_path",
    ]
)
_REF = frozenset(
    [
        "ref",
        "rev",
        "revision",
        "branch",
        "tag",
        "version",
        "commit",
        "commit_hash",
        "commit_id",
        "sha",
    ]
)
_TYPE = frozenset(("kind", "repo_kind", "repo_type", "type"))
_OWNER = frozenset(("author", "namespace", "org", "organisation", "organization", "owner"))
_OF_A_TYPE = ("dataset", "space", "kernel")
_PREFIXES = {f"{kind}s": kind for kind in get_args(RepoType)}
# What the Hub has after a repository's name in an address.
_REFS = frozenset(("blame", "blob", "commit", "commits", "raw", "resolve", "revision", "tree"))
_TABS = frozenset(("community", "discussions", "edit", "settings", "viewer"))
# Pages of the Hub other than repositories.
_PAGES = frozenset(
    [
        "api",
        "blog",
        "buckets",
        "chat",
        "collections",
        "docs",
        "jobs",
        "join",
        "kernels",
        "learn",
        "login",
        "models",
        "new",
        "organizations",
        "papers",
        "posts",
        "pricing",
        "search",
        "settings",
        "tasks",
    ]
)
_MIRROR = "hf-mirror.com"
_FORGES = re.compile(
    r"(?:.*\.)?(?:bitbucket\.org|codeberg\.org|git(?:hub|lab)\.com|modelscope\.c.)"
)
_HOST_NAME = re.compile(r"\.(?:ai|cn|co|com|dev|io|net|org)\Z")
_HOST_ONLY = re.compile(r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)+(?::[0-9]+)?/?")
_CACHED = re.compile(
    r"(?:.*/)?(?P<kind>models|datasets|spaces|kernels)--(?P<org>[^/]+?)(?:--(?P<name>[^/]+))?"
    r"(?:/snapshots/(?P<rev>[0-9a-f]{40})(?:/(?P<path>.+))?)?/?"
)
_SSH = re.compile(r"(?:ssh://)?git@(?P<host>[0-9A-Za-z.-]+)[:/](?P<path>\S+)")
_SPECIAL_REF = re.compile(r"(refs/(?:convert|pr)/[^/]+)(?:/(.*))?")
# Pages of the Hub name a file that they show next to them.
_SHOWN_FILE = re.compile(r"\?(?:[^#]*&)?show_file_info=([^&#]+)")
_ASSIGNED = re.compile(r"(?P<key>[\w.-]+)\s*[=:]\s*(?P<quote>['\"])(?P<value>[^'\"]+)(?P=quote)")
_MARKDOWN = re.compile(r"\[[^\]]*\]\((?P<url>[^\s()]+)\)")
_ID = re.compile(r"[^\s:@/\\]+(?:/[^\s:\\]+)*(?::[\w.-]+(?:@[^\s:\\]+)?)?")
# Both orders of the two are understood.
_REF_THEN_QUANT = re.compile(r"([^@:]+)@([^@:]+):([\w.-]+)\Z")


def read(text: str, hubs: Sequence[str] = ()) -> Meant | None:
    """Return the repository that a text names, None if it names none.

    Args:
        text: an address, a name, a command or a call.
        hubs: URLs of Hubs besides those that everybody knows and those of HF_ENDPOINT.
    """
    text = plain_text(text)
    if markdown := _MARKDOWN.fullmatch(text):
        text = markdown["url"]
    assigned = _ASSIGNED.fullmatch(text)
    if assigned and plain_key(assigned["key"].rpartition(".")[2]) in _REPO:
        text = assigned["value"]
    found = in_command(text) or in_call(text)
    if found:
        draft = Draft()
        _read_keys(draft, found, hubs)
        return _finished(draft) if read(found["repo"], hubs) else None
    return _cached(text) or _address(text, (*hubs, *endpoints())) or _identifier(text)


def correct(table: Mapping[str, Any]) -> Meant:
    """Return what is most likely meant by a table."""
    draft = Draft()
    given = table.get("endpoint")
    hubs = [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str)]
    _read_keys(draft, _with_owner(table), hubs)
    return _finished(draft)


def at(meant: Meant, ref: str | None, rev: str | None, repo_type: str | None) -> Meant:
    """Return a repository at another ref or commit, or of another type; None leaves it."""
    draft = Draft(dict(meant.table))
    if ref is not None or rev is not None:
        draft.table.pop("ref", None)
        draft.table.pop("rev", None)
    if rev is not None:
        draft.table["rev"] = rev.lower()
    elif ref not in {None, DEFAULT_REF}:
        _read_ref(draft, "ref", ref or "")
    if repo_type is not None:
        draft.table.pop("repo_type", None)
    if repo_type not in {None, "model"}:
        draft.table["repo_type"] = repo_type
    return replace(meant, table=_finished(draft).table)


def _with_owner(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a table in which `org/name` is one value, as in `owner = "org", repo = "name"`."""
    owner = next((key for key in table if plain_key(key) in _OWNER), None)
    repo = next((key for key in table if plain_key(key) in _REPO), None)
    if owner is None or repo is None:
        return table
    parts = (table[owner], table[repo])
    if not all(isinstance(part, str) and is_repo_part(part) for part in parts):
        return table
    others = {key: value for key, value in table.items() if key not in {owner, repo}}
    return {MAIN: "/".join(parts), **others}


def _read_keys(draft: Draft, table: Mapping[str, Any], hubs: Sequence[str]) -> None:
    # What is written in words counts more than what an address has.
    for key in sorted(table, key=lambda key: plain_key(key) in {*_REPO, *_OF_A_TYPE}):
        _read_key(draft, key, table[key], hubs)


def _read_key(draft: Draft, key: str, value: object, hubs: Sequence[str]) -> None:
    name = plain_key(key)
    repo = read(value, hubs) if isinstance(value, str) and name in {*_REPO, *_OF_A_TYPE} else None
    if repo:
        if name in _OF_A_TYPE:
            draft.table.setdefault("repo_type", name)
        refs = ("ref", "rev")
        fixed = any(key in draft.table for key in refs)
        table = {k: v for k, v in repo.table.items() if not (fixed and k in refs)}
        draft.add(replace(repo, table=table))
    elif name in _REF and isinstance(value, str):
        _read_ref(draft, key, value, hubs)
    elif name in QUANT and isinstance(value, (str, list)):
        draft.table["quant"] = plain_text(value) if isinstance(value, str) else value
    elif name in _TYPE and isinstance(value, str):
        kind = plain_text(value).lower()
        draft.table["repo_type"] = _PREFIXES.get(kind, kind)
    elif name == "endpoint" and isinstance(value, str) and _HOST_ONLY.fullmatch(value):
        draft.table[key] = f"https://{value}"
    elif not draft.takes(key, value):
        draft.table[key] = value


def _read_ref(draft: Draft, key: str, value: str, hubs: Sequence[str] = ()) -> None:
    address = _address(plain_text(value), (*hubs, *endpoints()))
    text = (address.table.get("rev") or address.table.get("ref") if address else None) or value
    text = plain_text(text).removeprefix("refs/heads/").removeprefix("refs/tags/")
    commit = is_commit(text.lower())
    short = plain_key(key) in {"commit", "commit_hash", "commit_id", "rev", "sha"} and bool(
        re.fullmatch("[0-9a-fA-F]{7,}", text)
    )
    given = "rev" if commit or short else "ref"
    if draft.table.get(given, text) != text:
        given = "ref" if given == "rev" else "rev"  # both are told to be one too many
    draft.table[given] = text.lower() if commit else text


def _finished(draft: Draft) -> Meant:
    """Return a table in the order in which people write one."""
    table = draft.table
    order = ("repo", "quant", "mmproj", "ref", "rev", "repo_type")
    draft.table = {key: table[key] for key in (*order, *table) if key in table}
    return draft.meant(_KIND)


def _cached(text: str) -> Meant | None:
    """Read a path in a cache of huggingface_hub."""
    found = _CACHED.fullmatch(text)
    if not found:
        return None
    repo = f"{found['org']}/{found['name']}" if found["name"] else found["org"]
    return _meant(_PREFIXES[found["kind"]], repo, found["rev"], exactly(found["path"] or ""))


def _address(text: str, hubs: Sequence[str]) -> Meant | None:
    """Read a URL of a Hub, with or without its scheme."""
    ssh = _SSH.fullmatch(text)
    text = f"https://{ssh['host']}/{ssh['path']}" if ssh else text.removeprefix("git+")
    scheme, separator, rest = text.partition("://")
    if separator and scheme.lower() == "hf":
        return _in_repo(rest.strip("/")) if "@" not in rest.partition("/")[0] else None
    if not separator:
        if re.split("[/:?#]", text)[0].lower() not in {*HUB_HOSTS, *map(_host, hubs)}:
            return None
        text = f"https://{text}"
    text = text.replace(" ", "%20")
    if not is_shown(text) or not text.lower().startswith(("http://", "https://")):
        return None
    meant = _on_server(public(text), hubs)  # without login, query and fragment
    if meant and not meant.include and (file := _SHOWN_FILE.search(text)):
        return replace(meant, include=(exactly(unquote(file[1])),))
    return meant


def _on_server(url: str, hubs: Sequence[str]) -> Meant | None:
    scheme, _, rest = url.partition("://")
    server, _, path = rest.partition("/")
    for hub in hubs:
        base = public(hub).partition("://")[2].rstrip("/") + "/"
        if f"{rest}/".lower().startswith(base.lower()):
            return _page(rest[len(base) :])
    host = server.lower().removeprefix("www.")
    if host == _MIRROR:
        # The token goes to the Hub, and never to the mirror.
        return _page(path, [f"https://{_MIRROR}", DEFAULT_ENDPOINT])
    if host in HUB_HOSTS:
        return _page(path)
    parts = path.split("/")
    if _FORGES.fullmatch(host) or not _REFS.intersection(parts[1:4]):
        return None
    return _page(path, f"{scheme.lower()}://{server}")


def _host(url: str) -> str:
    return re.split("[/:]", public(url).partition("://")[2])[0].lower()


def _page(path: str, endpoint: object = None) -> Meant | None:
    """Read the path of a page: `datasets/org/name/tree/REF/directory`."""
    parts = [unquote(part) for part in path.split("/") if part]
    if parts[:1] == ["api"]:
        parts = parts[1:]
    kind = _PREFIXES.get(parts[0]) if parts else None
    if kind:
        parts = parts[1:]
    if not parts or (kind is None and parts[0] in _PAGES):
        return None
    single = len(parts) == 1 or (parts[1] in _REFS | _TABS and (parts[2:3] or [""])[0] not in _REFS)
    count = 1 if single else 2
    repo, rest = "/".join(parts[:count]), parts[count:]
    if not rest or rest[0] not in _REFS:
        return _meant(kind, repo, None, "", endpoint)
    action, below_ref = rest[0], "/".join(rest[1:])
    special = _SPECIAL_REF.fullmatch(below_ref)
    ref, path = (special[1], special[2] or "") if special else (rest[1] if rest[1:] else "", "")
    path = path or ("" if special else "/".join(rest[2:]))
    if action in {"commit", "commits", "revision"}:
        path = ""
    directory = below(path)[0] if action == "tree" and path else ""
    return _meant(kind, repo, ref, directory or exactly(path), endpoint)


def _identifier(text: str) -> Meant | None:
    """Read `org/name`, `datasets/org/name`, `org/name:QUANT@REF`, `org/name/FILE`."""
    text = re.split("[?#]", text)[0].rstrip("/")
    text = text.removeprefix("hf:").removeprefix("huggingface:").lstrip("@")
    text = re.sub(r"(?<=\w)\s*[/\\]\s*(?=\w)", "/", text)
    if not _ID.fullmatch(text):
        return None
    parts = text.split("/")
    if parts[0] in {"", ".", "..", "~"} or _HOST_NAME.search(parts[0]):
        return None
    start = 1 if parts[0] in _PREFIXES else 0
    if _REFS.intersection(parts[start + 1 : start + 3]):
        return _page(text)
    deep = len(parts) > start + 2 and "@" not in text
    return _in_repo(text) if not deep or _is_file(text) else None


def _in_repo(text: str) -> Meant | None:
    """Read `datasets/org/name@REF/path`, which `hf://` has before it in fsspec."""
    kind = None
    text = _REF_THEN_QUANT.sub(r"\1:\3@\2", text)
    first, _, rest = text.partition("/")
    if first in _PREFIXES and rest:
        kind, text = _PREFIXES[first], rest
    name, at, after = text.partition("@")
    ref = path = ""
    if at:
        special = _SPECIAL_REF.fullmatch(after)
        parts = special.groups() if special else after.partition("/")[::2]
        ref, path = unquote(parts[0] or ""), parts[1] or ""
        if not special and name.count("/") == 1 and "/" in after and not _is_file(after):
            ref, path = unquote(after), ""  # a branch with a slash in its name
    org, slash, rest = name.partition("/")
    model, _, more = rest.partition("/")
    path = path or more
    pattern = ""
    if path:
        plain = re.sub(r"\*\*/", "", unquote(path)) if "*" in path else exactly(unquote(path))
        pattern = plain if _is_file(path) else below(unquote(path))[0]
    return _meant(kind, f"{org}/{model}" if slash else org, ref, pattern)


def _is_file(path: str) -> bool:
    return bool(re.search(r"\.[A-Za-z][0-9A-Za-z_]*\Z|\*", path.rpartition("/")[2]))


def _meant(
    kind: str | None, repo: str, ref: str | None, pattern: str, endpoint: object = None
) -> Meant | None:
    """Return a repository by its parts; None if its name cannot be one."""
    repo, _, quant = repo.partition(":")
    quant, _, at = quant.partition("@")
    repo, _, before = repo.partition("@")
    at = at or before
    repo = repo.removesuffix(".git")
    if quant and "/" not in repo:
        return None
    if not all(map(is_repo_part, repo.split("/"))):
        return None
    draft = Draft({"repo": repo})
    if (ref or at) not in {None, "", DEFAULT_REF}:
        _read_ref(draft, "ref", ref or at)
    if kind not in {None, "model"}:
        draft.table["repo_type"] = kind
    if endpoint:
        draft.table["endpoint"] = endpoint
    if is_quant(quant):
        draft.table["quant"] = quant
    elif quant and _is_file(quant):
        pattern = exactly(quant)
    elif quant not in {"", "latest", DEFAULT_REF} and not (ref or at):
        _read_ref(draft, "ref", quant)
    if pattern:
        draft.include.append(pattern)
    return _finished(draft)
