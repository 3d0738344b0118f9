"""Files whose sha256 the manifest sets: `{ url = "…", sha256 = "…" }`."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_gen.manifest.parse import parse
from generator.sources.buckets import INTEGRATION
from generator.sources.url.helpers import (
    CODED,
    CONTENT,
    FORMS,
    SHA256,
    ZEROS,
    pin,
    reads,
    serving,
    sums_of,
    with_headers,
)
from support.loopback import Response
from support.remedies import cures
from support.specs import sri

if TYPE_CHECKING:
    from support.nix import NixEnv
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.remedies import Remedy

LONGER = CONTENT + b", changed"


def manifest(url: str, sha256: str | None = SHA256, more: str = "") -> str:
    checksum = f', sha256 = "{sha256}"' if sha256 else ""
    return (
        f'[models.m]\nsource.url.files."model.gguf" = {{ url = {url}{checksum} }}\n'
        f"{more}\n{INTEGRATION}\n"
    )


def write(
    project: Project, server: RecordingProxy, sha256: str | None = SHA256, more: str = ""
) -> None:
    project.write(manifest(f'"{server.url}/model.gguf"', sha256, more))


def rewrite(project: Project, said: str) -> None:
    """Put the sha256 that a message shows into the manifest."""
    (line,) = set(re.findall(r"`(sha256 = \"[0-9a-f]{64}\")`", said))
    path = project.dir / "models.toml"
    path.write_text(re.sub(r'sha256 = "[^"]*"', line, path.read_text()))


@pytest.mark.parametrize(
    "given",
    FORMS,
)
def test_the_forms_of_a_sha256(given: str) -> None:
    (entry,) = parse(manifest('"https://example.org/a"', given)).entries
    expected = {"url": "https://example.org/a", "sha256": SHA256}
    assert entry.source.to_lock() == {"files": {"model.gguf": expected}}
    assert entry.source.to_nix() == {"files": {"model.gguf": "https://example.org/a"}}


def test_without_one_it_is_a_url() -> None:
    urls = '["https://example.org/a", "https://example.org/b"]'
    (entry,) = parse(manifest(urls, None)).entries
    (plain,) = parse(manifest(urls, None).replace("{ url = ", "").replace(" }", "", 1)).entries
    assert entry.source == plain.source
    assert entry.digest() == plain.digest()


def test_it_is_not_read(recording_proxy: RecordingProxy, project: Project) -> None:
    write(project, recording_proxy)
    project.ok("lock")
    assert pin(project) == {"hash": sri(CONTENT), "lfs": False, "size": len(CONTENT)}
    assert reads(recording_proxy) == []
    source = project.lock["m"]["source"]["url"]
    url = f"{recording_proxy.url}/model.gguf"
    assert source["files"] == {"model.gguf": {"sha256": SHA256, "url": url}}
    # It is the same file that is read without one; a small one is bundled then.
    write(project, recording_proxy, None)
    project.ok("lock")
    assert pin(project) == {"hash": sri(CONTENT), "size": len(CONTENT)}


def test_nobody_is_asked_while_it_is_the_same(
    recording_proxy: RecordingProxy, project: Project
) -> None:
    write(project, recording_proxy)
    rendered = project.ok("lock")
    before = project.lock_file.read_bytes()
    recording_proxy.clear()
    write(project, recording_proxy, f"sha256-{CODED}")
    assert project.ok("lock") == rendered
    assert project.lock_file.read_bytes() == before
    assert recording_proxy.log == []


def test_another_one_is_another_pin(recording_proxy: RecordingProxy, project: Project) -> None:
    write(project, recording_proxy)
    project.ok("lock")
    write(project, recording_proxy, ZEROS)
    project.ok("lock")
    assert pin(project)["hash"] == f"sha256-{'A' * 43}="
    # What it says of the content is not what the server has at this ETag.
    write(project, recording_proxy, None)
    project.ok("lock")
    assert pin(project)["hash"] == sri(CONTENT)
    assert reads(recording_proxy) == ["/model.gguf"]


PUBLISHED: list[dict[str, str]] = [
    {"Repr_Digest": f"sha-256=:{CODED}:"},
    {"Digest": f"SHA-256={CODED}"},
    {"X_Checksum_Sha256": SHA256},
]


@cures(
    'if … is right, write `sha256 = "…"` for … in the manifest; otherwise name the URL of another '
    "copy"
)
@pytest.mark.parametrize("headers", PUBLISHED)
@pytest.mark.parametrize("only", [None, "HEAD"])
def test_a_server_that_publishes_another_one(
    recording_proxy: RecordingProxy,
    project: Project,
    headers: dict[str, str],
    only: str | None,
    remedy: Remedy,
) -> None:
    says = with_headers(recording_proxy, **headers)
    recording_proxy.faults = lambda r: says(r) if only in {None, r.method} else None
    write(project, recording_proxy, ZEROS)
    said = project.fails("lock")
    assert f"the manifest has sha256-{'A' * 43}=, {recording_proxy.url}/model.gguf " in said
    assert sri(CONTENT) in said
    assert reads(recording_proxy) == []
    assert remedy(said)[1] == SHA256
    rewrite(project, said)
    project.ok("lock")
    assert pin(project)["hash"] == sri(CONTENT)


def test_a_sums_file_that_has_another_one(
    recording_proxy: RecordingProxy, project: Project
) -> None:
    sums = sums_of(recording_proxy, f"{SHA256}  model.gguf")
    write(project, recording_proxy, ZEROS, sums)
    said = project.fails("lock")
    assert f"the manifest has sha256-{'A' * 43}=, the sums file {sri(CONTENT)}" in said
    rewrite(project, said)
    project.ok("lock")
    assert pin(project)["hash"] == sri(CONTENT)


def test_what_is_left_out_is_not_compared(
    recording_proxy: RecordingProxy, project: Project
) -> None:
    recording_proxy.faults = with_headers(recording_proxy, X_Checksum_Sha256=SHA256)
    url = f"{recording_proxy.url}/other.gguf"
    more = f'source.url.files."other" = {{ url = "{url}", sha256 = "{ZEROS}" }}\n'
    write(project, recording_proxy, more=f'{more}exclude = ["other"]')
    project.ok("lock")
    assert list(project.files()) == ["model.gguf"]


def test_mirrors(recording_proxy: RecordingProxy, project: Project) -> None:
    urls = [f"{recording_proxy.url}/nothing", f"{recording_proxy.url}/model.gguf"]
    project.write(manifest(json.dumps(urls)))
    result = project.run("lock")
    assert result.status == 0, result.err
    assert "model.gguf has answered instead" in result.err
    assert reads(recording_proxy) == []
    files = project.lock["m"]["source"]["url"]["files"]
    assert files == {"model.gguf": {"sha256": SHA256, "url": urls}}


def test_a_mirror_that_publishes_another_one(
    recording_proxy: RecordingProxy, project: Project
) -> None:
    digest = hashlib.sha256(b"other").hexdigest()
    says = with_headers(recording_proxy, X_Checksum_Sha256=digest)
    recording_proxy.faults = lambda r: says(r) if "mirror" in r.path else None
    urls = [f"{recording_proxy.url}/model.gguf", f"{recording_proxy.url}/model.gguf?mirror"]
    project.write(manifest(json.dumps(urls), more='source.url.query = "public"'))
    said = project.fails("lock")
    assert f"the manifest has {sri(CONTENT)}" in said
    assert sri(b"other") in said


@pytest.mark.parametrize("right", [True, False])
def test_fallbacks(recording_proxy: RecordingProxy, project: Project, *, right: bool) -> None:
    """Of a fallback, too, it stands for the content."""
    fallback = f'{{ url = "{recording_proxy.url}/copy", sha256 = "{SHA256 if right else ZEROS}" }}'
    recording_proxy.faults = lambda r: (
        Response(200, {}, CONTENT) if r.path == "/copy" and r.is_peek else None
    )
    write(project, recording_proxy, more=f'fallbacks = [{{ url.files."model.gguf" = {fallback} }}]')
    result = project.run("lock")
    assert result.status == (0 if right else 1), result.err
    assert reads(recording_proxy) == []
    if right:
        (locked,) = project.lock["m"]["fallbacks"]
        assert locked["url"]["files"]["model.gguf"]["sha256"] == SHA256
    else:
        assert "is not the same everywhere" in result.err
        assert "hint: correct the sha256 of the file in the manifest" in result.err


@pytest.mark.parametrize("right", [True, False])
def test_a_server_that_does_not_say_the_size(project: Project, *, right: bool) -> None:
    """The pin needs it: the file is read once."""
    with serving(lambda _: Response(200, {}, CONTENT, "chunked")) as url:
        project.write(manifest(f'"{url}/model.gguf"', SHA256 if right else ZEROS))
        result = project.run("lock")
        assert "does not say the size of 1 file; reading all of it once" in result.err
        if not right:
            assert result.status == 1
            assert f"expects: expected sha256-{'A' * 43}=, received {sri(CONTENT)}" in result.err
            rewrite(project, result.err)
            project.ok("lock")
    assert pin(project) == {"hash": sri(CONTENT), "lfs": False, "size": len(CONTENT)}


@cures(
    "it has changed, but its sha256 in the manifest or in a sums file has not: write the new one, "
    "or remove it and run `aimodels-gen lock`"
)
@pytest.mark.parametrize("new", [None, hashlib.sha256(LONGER).hexdigest()])
def test_a_file_that_has_changed(project: Project, remedy: Remedy, new: str | None) -> None:
    """An update without a new sha256 would pin what cannot be built."""
    content = [CONTENT]
    with serving(lambda _: Response(200, {}, content[0])) as url:
        project.write(manifest(f'"{url}/model.gguf"'))
        project.ok("lock")
        content[0] = LONGER
        project.ok("lock")
        said = project.fails("update")
        assert f"has {len(LONGER)} bytes now, and had {len(CONTENT)}" in said
        remedy(said)
        project.write(manifest(f'"{url}/model.gguf"', new))
        project.follow(said)
    assert pin(project)["hash"] == sri(LONGER)


@cures(
    "the sha256 in models.toml is wrong, or the file has changed: compare with …; if it is the "
    "right file, …"
)
@pytest.mark.parametrize("kind", ["files", "tree"])
def test_other_bytes_are_refused(
    recording_proxy: RecordingProxy,
    project: Project,
    nix_store: NixEnv,
    kind: str,
    remedy: Remedy,
) -> None:
    write(project, recording_proxy, ZEROS, f'pin = "{kind}"')
    if kind == "files":
        project.ok("lock")
    said = project.fails("prefetch" if kind == "files" else "lock")
    assert f"expected sha256-{'A' * 43}=, received {sri(CONTENT)}" in said
    remedy(said)
    assert not list(nix_store.store.glob("*model.gguf"))
    rewrite(project, said)
    project.follow(said)
    project.ok("prefetch")


def test_a_tree(recording_proxy: RecordingProxy, project: Project, nix_store: NixEnv) -> None:
    """It is not fetched again where the manifest says what it is."""
    recording_proxy.faults = with_headers(recording_proxy, Etag="", Last_Modified="")
    write(project, recording_proxy, more='pin = "tree"')
    project.ok("lock")
    before = project.lock
    assert reads(recording_proxy) == ["/model.gguf"]
    recording_proxy.clear()
    assert "= 1 unchanged" in project.run("update").err
    assert project.lock == before
    assert reads(recording_proxy) == []
    assert nix_store.store.exists()


def test_old_locks_are_as_they_were(recording_proxy: RecordingProxy, project: Project) -> None:
    project.write(manifest(f'"{recording_proxy.url}/model.gguf"', None))
    project.ok("lock")
    files: Any = project.lock["m"]["source"]["url"]["files"]
    assert files == {"model.gguf": f"{recording_proxy.url}/model.gguf"}
