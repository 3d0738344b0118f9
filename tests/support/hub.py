"""A Hugging Face Hub for tests: a real HTTP server on a loopback port that counts what it sends.

    with Hub() as hub:
        repo = hub.add_repo("org/name", {"config.json": b"{}"}, lfs=["*.safetensors"])
        …
        assert hub.sent_bytes < 1024

It answers as huggingface.co does where clients can tell the difference: pages, error headers,
redirects of LFS files to another host under signatures that expire, ranges. `hub.faults` lets a
test answer differently.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

from support.fake_repo import BigFile, Content, File, Repo, chunks, lfs_pointer, sha256, tree_ids
from support.loopback import Request, Response, Watched

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

__all__ = ["BigFile", "Hub", "Repo", "Request", "Response"]

_KINDS = {"models": "model", "datasets": "dataset", "spaces": "space", "kernels": "kernel"}
_API = re.compile(
    r"/api/(?P<kind>models|datasets|spaces|kernels)/(?P<repo>[^/]+(?:/[^/]+)??)"
    r"(?:/(?P<verb>revision|tree)/(?P<rev>[^/]+)(?:/(?P<path>.*))?)?"
)
_RESOLVE = re.compile(
    r"/(?P<cached>api/resolve-cache/)?(?:(?P<kind>models|datasets|spaces|kernels)/)?"
    r"(?P<repo>[^/]+(?:/[^/]+)?)/resolve/(?P<rev>[^/]+)/(?P<path>.+)"
)
_CDN = re.compile(r"/cdn/(?P<digest>[0-9a-f]{64})")
_HOUR = 3600


class Hub(Watched):
    """The server. Its clock, `now`, stands still. Signed addresses are good for an hour of it."""

    def __init__(
        self, page_size: int = 1000, tls: ssl.SSLContext | None = None, *, listening: bool = True
    ) -> None:
        super().__init__(self.answer, tls, listening=listening)
        self.page_size = page_size
        self.now = 1_700_000_000
        self._repos: dict[tuple[str, str], Repo] = {}
        self._tokens: dict[str, set[str]] = {}
        self._renamed: dict[str, str] = {}
        # The same server under another host name, to which no token may be sent.
        self.cdn_url = self.url.replace("127.0.0.1", "localhost")

    def allow(self, token: str, *repos: str) -> None:
        """Make `token` valid and let it read these private and gated repositories."""
        self._tokens.setdefault(token, set()).update(repos)

    def add_repo(  # noqa: PLR0913 (one keyword for each thing that a repository can be)
        self,
        repo_id: str,
        files: Mapping[str, Content],
        *,
        lfs: Sequence[str] = (),
        repo_type: str = "model",
        private: bool = False,
        gated: bool | str = False,
        card: Mapping[str, object] | None = None,
        xet: bool = False,
    ) -> Repo:
        repo = Repo(repo_id, tuple(lfs), repo_type, private, gated, dict(card or {}), xet)
        repo.commit(files, "first")
        self._repos[repo_type, repo_id] = repo
        return repo

    def rename(self, old: str, new: str) -> None:
        """Give another name to a repository; what is asked under the old one is redirected."""
        for kind, repo_id in list(self._repos):
            if repo_id == old:
                repo = self._repos[kind, new] = self._repos.pop((kind, old))
                repo.id = new
        self._renamed[old] = new

    def answer(self, request: Request) -> Response:
        """What the Hub would answer; a fault may call this and change the result."""
        path = urlsplit(request.path).path
        for old, new in self._renamed.items():
            if f"/{old}/" in path:
                return Response(307, {"Location": request.path.replace(old, new, 1)})
        if match := _CDN.fullmatch(path):
            return self._cdn(request, match["digest"])
        if request.token is not None and request.token not in self._tokens:
            return _error(401, "Invalid credentials in Authorization header")
        if path == "/api/whoami-v2":
            return (
                _json({"type": "user", "name": "test"})
                if request.token
                else _error(401, "No token")
            )
        for pattern, answer in ((_API, self._api), (_RESOLVE, self._resolve)):
            if match := pattern.fullmatch(path):
                return answer(request, match)
        return _error(404, "Not Found")

    def _repo(self, request: Request, match: re.Match[str]) -> Repo | None:
        """The repository asked for, unless it is private and the token may not see it."""
        # The case of names does not count.
        asked = _KINDS[match["kind"] or "models"], unquote(match["repo"]).lower()
        found = (
            repo for (kind, name), repo in self._repos.items() if (kind, name.lower()) == asked
        )
        repo = next(found, None)
        if repo is None or (repo.private and not self._may_read(request, repo)):
            return None
        return repo

    def _may_read(self, request: Request, repo: Repo) -> bool:
        return repo.id in self._tokens.get(request.token or "", ())

    def _api(self, request: Request, match: re.Match[str]) -> Response:
        repo = self._repo(request, match)
        if repo is None:
            return _no_repo(request)
        sha = repo.resolve(unquote(match["rev"] or "main"))
        if sha is None:
            return _error(404, f"Invalid rev id: {unquote(match['rev'])}", "RevisionNotFound")
        query = {key: values[-1] for key, values in parse_qs(urlsplit(request.path).query).items()}
        if match["verb"] != "tree":
            return _json(_info(repo, sha, blobs=query.get("blobs", "").lower() in {"true", "1"}))
        return self._tree(request, repo, sha, unquote(match["path"] or "").strip("/"), query)

    def _tree(
        self, request: Request, repo: Repo, sha: str, directory: str, query: dict[str, str]
    ) -> Response:
        recursive = query.get("recursive", "").lower() in {"true", "1"}
        prefix = f"{directory}/" if directory else ""
        rows = [
            row
            for row in _rows(repo, sha)
            if row["path"].startswith(prefix)
            and (recursive or "/" not in row["path"].removeprefix(prefix))
        ]
        if directory and not rows:
            return _error(404, f"{directory} does not exist on {sha}", "EntryNotFound")
        limit = min(int(query.get("limit", self.page_size)), self.page_size)
        start = int(base64.urlsafe_b64decode(query["cursor"])) if "cursor" in query else 0
        headers = {"X-Repo-Commit": sha}
        if start + limit < len(rows):
            cursor = base64.urlsafe_b64encode(b"%d" % (start + limit)).decode()
            again = urlencode({**query, "limit": limit, "cursor": cursor})
            headers["Link"] = f'<{self.url}{urlsplit(request.path).path}?{again}>; rel="next"'
        return _json(rows[start : start + limit], headers)

    def _resolve(self, request: Request, match: re.Match[str]) -> Response:
        repo = self._repo(request, match)
        if repo is None:
            return _no_repo(request)
        if repo.gated and not self._may_read(request, repo):
            return _gated(request, repo)
        return self._resolve_in(repo, request, match)

    def _resolve_in(self, repo: Repo, request: Request, match: re.Match[str]) -> Response:
        sha = repo.resolve(unquote(match["rev"]))
        if sha is None:
            return _error(404, f"Invalid rev id: {unquote(match['rev'])}", "RevisionNotFound")
        file = repo.commits[sha].get(unquote(match["path"]))
        commit = {"X-Repo-Commit": sha}
        if file is None:
            return _error(404, "Entry not found", "EntryNotFound", commit)
        if match["cached"]:
            return _content(request, file.content, file.etag, commit)
        linked = {
            **commit,
            "X-Linked-Etag": f'"{file.etag}"',
            "X-Linked-Size": str(len(file.content)),
        }
        if file.lfs and repo.xet:
            linked["X-Xet-Hash"] = _xet_hash(file)
        status, location = self._location(match, sha, file)
        return Response(status, {**linked, "Location": location})

    def _location(self, match: re.Match[str], sha: str, file: File) -> tuple[int, str]:
        """Where the bytes are: LFS files on another host, the others under a relative path."""
        if file.lfs:
            expires = str(self.now + _HOUR)
            query = urlencode({"Expires": expires, "Signature": _sign(file.etag, expires)})
            return 302, f"{self.cdn_url}/cdn/{file.etag}?{query}"
        where = f"{match['kind'] or 'models'}/{match['repo']}/resolve/{sha}/{match['path']}"
        return 307, f"/api/resolve-cache/{where}?etag=%22{file.etag}%22"

    def _cdn(self, request: Request, digest: str) -> Response:
        if request.token is not None:
            return _error(
                400, "Only one auth mechanism allowed"
            )  # as S3 does; no token belongs here
        query = dict(parse_qsl(urlsplit(request.path).query))
        expires = query.get("Expires", "0")
        if query.get("Signature") != _sign(digest, expires) or int(expires) < self.now:
            return _error(403, "AccessDenied")
        for repo in self._repos.values():
            content = repo.find_lfs(digest)
            if content is not None:
                return _content(request, content, digest, {})
        return _error(404, "NoSuchKey")


def _sign(digest: str, expires: str) -> str:
    return hmac.new(b"the CDN's key", f"{digest} {expires}".encode(), "sha256").hexdigest()


def _rows(repo: Repo, sha: str) -> list[dict[str, Any]]:
    """The rows of a recursive listing."""
    tree = repo.commits[sha]
    rows = [
        {"type": "directory", "oid": oid, "size": 0, "path": path}
        for path, oid in tree_ids(tree).items()
        if path
    ]
    rows += [
        {"type": "file", "size": len(file.content), "path": path, **_blob(repo, file, "oid")}
        for path, file in tree.items()
    ]
    return sorted(rows, key=lambda row: row["path"])


def _blob(repo: Repo, file: File, oid_key: str) -> dict[str, object]:
    row: dict[str, object] = {oid_key: file.oid}
    if file.lfs:
        row["lfs"] = {
            # The two endpoints name the checksum differently.
            ("oid" if oid_key == "oid" else "sha256"): sha256(file.content),
            "size": len(file.content),
            "pointerSize": len(lfs_pointer(file.content)),
        }
        if repo.xet:
            row["xetHash"] = _xet_hash(file)
    return row


def _xet_hash(file: File) -> str:
    return hashlib.blake2b(file.etag.encode(), digest_size=32).hexdigest()


def _info(repo: Repo, sha: str, *, blobs: bool) -> dict[str, object]:
    siblings = [
        {
            "rfilename": path,
            **({"size": len(file.content), **_blob(repo, file, "blobId")} if blobs else {}),
        }
        for path, file in repo.commits[sha].items()
    ]
    return {
        "_id": hashlib.md5(repo.id.encode(), usedforsecurity=False).hexdigest()[:24],
        "id": repo.id,
        "author": repo.id.partition("/")[0],
        "sha": sha,
        "lastModified": "2024-01-01T00:00:00.000Z",
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "tags": [f"license:{repo.card['license']}"] if "license" in repo.card else [],
        "cardData": {key: value for key, value in repo.card.items() if key != "gguf"},
        **({"gguf": repo.card["gguf"]} if "gguf" in repo.card else {}),
        "siblings": siblings,
    }


def _content(request: Request, content: Content, etag: str, headers: Mapping[str, str]) -> Response:
    """The bytes, or the part that a Range header asks for."""
    size = len(content)
    headers = {**headers, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if wanted is None or not any(wanted.groups()):
        return Response(200, {**headers, "Content-Length": str(size)}, chunks(content))
    if wanted[1]:
        start, stop = int(wanted[1]), min(size, int(wanted[2] or size) + 1)
    else:
        start, stop = max(0, size - int(wanted[2])), size
    if start >= stop:
        return Response(416, {**headers, "Content-Range": f"bytes */{size}", "Content-Length": "0"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["Content-Length"] = str(stop - start)
    return Response(206, headers, chunks(content, start, stop))


def _json(value: object, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(value).encode()
    return Response(
        200, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, body
    )


def _error(
    status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    extra = {"X-Error-Message": quote(message, safe=" :/'()."), **(headers or {})}
    if code:
        extra["X-Error-Code"] = code
    body = json.dumps({"error": message}).encode()
    return Response(status, {"Content-Type": "application/json; charset=utf-8", **extra}, body)


def _no_repo(request: Request) -> Response:
    """Without a token the Hub does not say whether a repository is private or missing."""
    if request.token is None:
        return _error(401, "Invalid username or password.", "RepoNotFound")
    return _error(404, "Repository not found", "RepoNotFound")


def _gated(request: Request, repo: Repo) -> Response:
    restricted = f"Access to {repo.type} {repo.id} is restricted"
    if request.token is None:
        message = f"{restricted}. You must have access to it and be authenticated. Please log in."
        return _error(401, message, "GatedRepo")
    return _error(403, f"{restricted} and you are not in the authorized list.", "GatedRepo")
