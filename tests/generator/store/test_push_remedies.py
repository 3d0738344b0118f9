"""What `push` says where a cache refuses or is none, and that the next step helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimodels_gen.nix import store_url
from generator.stores import FILES, LFS, MANIFEST, MIB
from support.disk import small_disk
from support.remedies import cures
from support.s3 import ENV
from support.tls import Authority
from support.web_cache import WebCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

    Refusal = Callable[[str, str], tuple[int, dict[str, str]] | None]

PASSWORD = "hunter22hunter22"


@pytest.fixture
def web() -> Iterator[WebCache]:
    with WebCache() as web:
        yield web


@pytest.fixture
def locked(
    hub_project: Project, host_store: NixEnv, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A locked model, in a home of its own."""
    assert repo
    assert host_store
    monkeypatch.setenv("HOME", str(hub_project.dir))
    monkeypatch.chdir(hub_project.dir)
    hub_project.ok("lock")
    return hub_project


@cures(
    "write file:///DIRECTORY, a directory such as ./cache, https://HOST/PATH, "
    "s3://BUCKET?region=REGION, ssh://HOST or ssh-ng://HOST",
    "to fill the store of this machine, run `aimodels-gen prefetch`",
    "write file:///DIRECTORY, such as file://…/cache",
    "write a space as %20",
    "write # as %23",
    "write one like https://cache.example.org/models",
    "write the URL without them, and `machine HOST login USER password PASSWORD` into ~/.netrc",
    "write s3://BUCKET, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile",
    "write s3://BUCKET?region=REGION, and for another server than Amazon's "
    "s3://BUCKET?endpoint=HOST&scheme=https",
    "write endpoint=HOST, and scheme=http for a server without TLS",
    "leave it out; these are known: …",
    "write …://HOST or …://USER@HOST, without a password",
)
def test_urls_that_are_wrong_are_put_right(locked: Project, remedy: Remedy) -> None:
    here = locked.dir
    mended = {
        "cache": "./cache",
        "daemon": "./cache",
        "file://cache": f"file://{here}/cache",
        f"file://{here}/my cache": f"file://{here}/my%20cache",
        f"file://{here}/c#1": f"file://{here}/c%231",
        "https:///models": "https://cache.example.org/models",
        f"https://me:{PASSWORD}@cache.example.org": "https://cache.example.org",
        f"s3://AKIA:{PASSWORD}@models": "s3://models",
        "s3://m?region=eu-west-1": "s3://models?region=eu-west-1",
        "s3://models?endpoint=a@b": "s3://models?endpoint=127.0.0.1:9000&scheme=http",
        f"https://cache.example.org?user={PASSWORD}": "https://cache.example.org",
        f"ssh-ng://me:{PASSWORD}@host": "ssh-ng://me@host",
    }
    for wrong, right in mended.items():
        said = locked.fails("push", wrong)
        remedy(said)
        assert PASSWORD not in said
        if isinstance(store_url.parse(right), store_url.Directory):
            assert locked.run("push", right, "--dry-run").status == 0


@cures(
    "leave … out of the URL",
    "leave it out of the URL; to sign what --installable pushes, add `--secret-key-file …`",
    "leave store out of the URL; a cache has paths of one store directory only",
    "write one such as priority=30: caches with lower numbers are asked first",
    "write want-mass-query=true",
)
def test_parameters_that_are_refused(locked: Project, remedy: Remedy) -> None:
    for query in (
        "compression=xz",
        "secret-key=/etc/key",
        "write-nar-listing=true",
        "store=/gnu/store",
        "priority=high",
        "want-mass-query=maybe",
    ):
        remedy(locked.fails("push", f"file://{locked.dir}/cache?{query}"))
        assert not (locked.dir / "cache").exists()
    locked.ok(
        "push", f"file://{locked.dir}/cache?priority=30&want-mass-query=true&compression=none"
    )
    info = (locked.dir / "cache/nix-cache-info").read_text().splitlines()
    assert info[1:] == ["WantMassQuery: 1", "Priority: 30"]


def _status(status: int, where: str = "", **headers: str) -> Refusal:
    """Answer with a status to all that is written, or to what has this in its path."""
    return lambda method, path: (
        (status, headers) if method in {"PUT", "POST"} and where in path else None
    )


def _at_reading(status: int, **headers: str) -> Refusal:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda method, _: (status, named) if method == "GET" else None


@cures(
    "write `machine … login USER password PASSWORD` into ~/.netrc",
    "check that the login for … in ~/.netrc may do that, and that the URL is right",
    "name a server that does, such as nginx with `dav_methods PUT;` and "
    "`create_full_put_path on;`; or push to file://, s3:// or ssh:// instead",
    "make the directory `nar` there, or set `create_full_put_path on;` in nginx",
    "raise its limit: in nginx, `client_max_body_size 0;`",
    "free some space there, and run this command again: it continues where it stopped",
    "look at the log of the server: its disk may be full, or closed to it",
    "name that server in the URL, if you trust it",
    "push to the server of the cache itself, not through a proxy",
)
def test_servers_that_refuse(locked: Project, web: WebCache, remedy: Remedy) -> None:
    """Each says so for its own reason; once it is over, the rest is sent."""
    for refusal, words in (
        (_status(401), "requires a login"),
        (_status(403), "refuses to be written"),
        (_status(404), "takes no files by PUT"),
        (_status(405), "takes no files by PUT"),
        (_status(409, ".nar"), "has no directory for the file"),
        (_status(413, ".nar"), "does not take files as large as this"),
        (_status(507), "is full"),
        (_status(500), "fails"),
        (_status(418), "refuses to be written"),
        (_status(307, Location="http://other.example.org/x?y=z"), "redirects"),
        (_status(200), "but does not return it"),
        (_at_reading(401), "requires a login"),
        (_at_reading(403), "cannot be read"),
    ):
        web.refusal = refusal
        web.files.clear()
        done = locked.run("push", web.url)
        assert (done.status, done.out) == (1, ""), words
        remedy(done.err)
        assert words in done.err
        assert "Traceback" not in done.err
        assert web.url in done.err
        assert not [name for name in web.files if name.endswith(".narinfo")]
    web.refusal = lambda *_: None
    assert len(locked.ok("push", web.url).split()) == 2


def test_a_proxy_that_says_yes_to_everything(locked: Project, web: WebCache) -> None:
    """It would be taken for a cache that has everything, or has taken it."""
    web.refusal = lambda *_: (200, {})
    assert "took nix-cache-info, but does not return it" in locked.fails("push", web.url)
    web.refusal = lambda method, path: (
        (200, {}) if method == "PUT" and path.endswith(".nar") else None
    )
    said = locked.run("push", web.url)
    assert said.status == 1
    assert "but does not return it" in said.err
    assert not [name for name in web.files if name.endswith(".narinfo")]


def test_a_refused_file_does_not_keep_others_back(locked: Project, web: WebCache) -> None:
    web.refusal = _status(413, ".nar")
    locked.run("push", web.url)
    assert len([path for verb, path in web.log if verb == "PUT" and path.endswith(".nar")]) == 2


def test_models_that_share_a_path_share_its_failure(
    locked: Project, hub: Hub, web: WebCache
) -> None:
    hub.add_repo("org/other", FILES, lfs=LFS)
    other = '[models.other]\nsource.huggingface = { repo = "org/other" }\n'
    locked.write(MANIFEST + other)
    locked.ok("lock")
    web.refusal = _status(413, ".nar")
    assert "error: m, other: " in locked.run("push", web.url).err


@cures("write `machine HOST login USER password PASSWORD`")
def test_logins(locked: Project, web: WebCache, remedy: Remedy) -> None:
    """They are sent to their host, and are shown nowhere."""
    netrc = locked.dir / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 logging me {PASSWORD}\n")
    said = locked.fails("push", web.url)
    remedy(said)
    assert PASSWORD not in said
    netrc.write_text(f"machine 127.0.0.1 login me password {PASSWORD}\n")
    web.refusal = lambda method, _: (
        None if web.logins else (401, {"WWW-Authenticate": "Basic"}) if method == "PUT" else None
    )
    done = locked.run("push", web.url)
    assert done.status == 0
    assert PASSWORD not in done.err + done.out
    (login,) = web.logins
    assert login.startswith("Basic ")


@cures(
    "name a directory of its own, such as …/cache; to copy to the store, use `nix copy --to`",
    "name another cache: paths of two store directories cannot be in one",
    "name a directory elsewhere, such as ./cache",
)
def test_places_that_are_no_cache(locked: Project, host_store: NixEnv, remedy: Remedy) -> None:
    own = locked.dir / "own"
    own.symlink_to(host_store.store)
    for place in (host_store.store, f"{host_store.store}/cache", f"file://{own}/cache", "./own"):
        remedy(locked.fails("push", str(place)))
    assert not (host_store.store / "cache").exists()
    here = locked.dir / "usb"
    (here / "nix/store").mkdir(parents=True)
    said = locked.fails("push", f"file://{here}/")
    remedy(said)
    assert f"such as {here}/cache;" in said
    assert locked.run("push", f"{here}/cache").status == 0
    (here / "cache/nix-cache-info").write_text("StoreDir: /gnu/store\n")
    remedy(locked.fails("push", f"{here}/cache"))
    assert "models.toml: Not a directory" in locked.fails("push", "./models.toml")


@cures(
    "run `aimodels-gen verify --store`, which shows how to replace damaged paths, or delete it "
    "with `nix-store --delete …`"
)
def test_a_damaged_path_is_replaced(locked: Project, host_store: NixEnv, remedy: Remedy) -> None:
    weights = next(p for p in locked.ok("prefetch").split() if p.endswith(".safetensors"))
    file = host_store.path(weights)
    file.chmod(0o644)
    file.write_bytes(bytes(file.stat().st_size))
    file.chmod(0o444)
    remedy(locked.run("push", "./cache").err)
    (*_, command) = remedy.commands
    host_store.run(*command.split())
    assert weights in locked.ok("push", "./cache").split()


def test_over_tls(
    locked: Project, web: WebCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers that are not trusted get nothing."""
    authority = Authority.make(tmp_path)
    with WebCache(authority.server()) as secure:
        assert "the server's certificate is not trusted" in locked.fails("push", secure.url)
        assert (secure.log, secure.received) == ([], 0)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
        assert len(locked.ok("push", secure.url).split()) == 2
        locked.ok("push", web.url)
        assert secure.files == web.files


def test_a_disk_that_is_full(locked: Project, tmp_path: Path) -> None:
    """It is known before the first byte; if it fills up meanwhile, nothing half is left."""
    locked.ok("prefetch")
    with small_disk(tmp_path / "small", 2 * MIB) as small:
        said = locked.fails("push", f"{small}/cache")
        assert f"{small} has 2.0 MiB free, but 3.0 MiB are needed" in said
        assert list(small.iterdir()) == []
    with small_disk(tmp_path / "other", 4 * MIB) as small:
        locked.ok("push", f"{small}/cache")
        for name in small.glob("cache/*.narinfo"):
            name.unlink()
        # The archives are there: there is no need of room for them.
        assert len(locked.ok("push", f"{small}/cache").split()) == 2


@cures(
    "add region=… to the query of the URL",
    "the credentials may not write there (s3:PutObject and s3:AbortMultipartUpload for what is in "
    "s3://…), or there are none: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile",
    "check the name, and region= and endpoint= in the query of the URL; or make it with "
    "`aws s3 mb s3://…`",
)
def test_buckets_that_refuse(
    locked: Project, web: WebCache, remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in ENV.items():
        monkeypatch.setenv(variable, value)
    server = web.url.removeprefix("http://").removesuffix("/cache")
    url = f"s3://cache?endpoint={server}&scheme=http"
    elsewhere = {"x-amz-bucket-region": "eu-central-1"}
    for refusal, words in (
        (_status(301, **elsewhere), "s3://cache is in eu-central-1, not in us-east-1"),
        (_status(403), "access to s3://cache is refused"),
        (_status(404), "there is no bucket cache"),
        (_at_reading(400, X_Error_Code="ExpiredToken"), "HTTP 400 (ExpiredToken)"),
        (_at_reading(403, X_Error_Code="InvalidAccessKeyId"), "access to s3://cache is refused"),
    ):
        web.refusal = refusal
        done = locked.run("push", url)
        assert (done.status, done.out) == (1, "")
        remedy(done.err)
        assert words in done.err
        assert "hint: " in done.err
        assert ENV["AWS_SECRET_ACCESS_KEY"] not in done.err
    web.refusal = lambda *_: None
    assert len(locked.ok("push", f"{url}&region=eu-central-1").split()) == 2
