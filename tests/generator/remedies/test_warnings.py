"""What commands warn of: what the warning says is done, and it is not said again."""

# ruff: noqa: E501 - whole messages

from __future__ import annotations

import json
import os
import pty
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.lock import costs, layouts
from aimodels_gen.sources.base import Allowance
from aimodels_gen.sources.huggingface import client
from generator.sources.buckets import as_amazon_says, write
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.remedies import Remedy
    from support.s3 import Moto

MODEL = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
OTHER = MODEL.replace("models.m", "models.n")


@pytest.fixture
def followed(hub: Hub, hub_project: Project) -> Project:
    hub.add_repo("org/name", {"config.json": b"{}", "m.gguf": b"<html>"})
    hub_project.write(MODEL)
    return hub_project


def said(project: Project, *args: str) -> str:
    done = project.run(*args)
    assert done.status == 0, done.err
    return done.err


@cures("new or changed in …, and not locked by this run: …")
def test_one_of_two_is_locked(followed: Project, remedy: Remedy) -> None:
    followed.write(MODEL + OTHER + 'include = ["*.json"]\n')
    _, other = remedy(said(followed, "lock", "m"))
    assert "not locked" not in said(followed, "lock", other)
    assert "not locked" not in said(followed, "lock")


@cures(
    'no output is set: add `[output]` with `file = "models.nix"` to …, or run this with `-o FILE`; '
    "`-o -` prints here"
)
@pytest.mark.parametrize("how", ["output", "-o"])
def test_a_terminal(followed: Project, remedy: Remedy, how: str) -> None:
    ours, theirs = pty.openpty()
    told = followed.run_into(theirs, "lock").stderr
    remedy(told)
    header, line, option, _ = remedy.commands
    if how == "output":
        followed.write(f"{header}\n{line}\n{MODEL}")
    args = [] if how == "output" else option.replace("FILE", "models.nix").split()
    assert "no output is set" not in followed.run_into(theirs, "lock", *args).stderr
    assert (followed.dir / "models.nix").exists()
    os.close(ours)
    os.close(theirs)


@cures("… has changed since it was locked (…): this … what … pins; run `…` to pin what is new")
@pytest.mark.parametrize("option", [[], ["-m", "models.toml"]])
def test_a_manifest_has_changed(
    followed: Project, remedy: Remedy, option: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said(followed, "lock", *option)
    followed.write(f'{MODEL}include = ["*.json"]\n')
    monkeypatch.setenv("PATH", "/nonexistent")  # nothing is downloaded
    warned = followed.run("prefetch", *option).err
    remedy(warned)
    followed.follow(warned)
    assert "has changed" not in followed.run("prefetch", *option).err


@cures("…: this … what … pins; run `…` to pin it again")
@pytest.mark.parametrize("command", ["prefetch", "import", "link"])
def test_a_lock_was_edited_by_hand(
    followed: Project, remedy: Remedy, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(followed, "lock")
    right = followed.lock_file.read_text()
    followed.lock_file.write_text(right.replace('"card": {', '"card": {"license": "mit",'))
    monkeypatch.setenv("PATH", "/nonexistent")
    options = ["--from", "."] if command == "import" else []
    warned = followed.run(command, *options).err.partition("\n")[0]
    remedy(warned)
    shown = json.loads(followed.ok("list", "--json"))
    assert [model["state"] for model in shown["models"]] == ["edited"]
    assert "edited by hand" in followed.ok("list")
    assert "the pin was edited by hand" in followed.ok("show")
    (followed.dir / "models.toml").unlink()
    assert "restore models.lock from" in followed.run(command, *options).err
    followed.write(MODEL)
    followed.follow(warned)
    assert "edited" not in followed.run(command, *options).err
    assert "edited" not in followed.ok("list") + followed.ok("show")


@cures(
    '…: with layout = "copy", the default, building stores … twice until garbage is collected, and '
    'fetches them again after that; to store and fetch them once, write layout = "link" in …'
)
@pytest.mark.parametrize("other", ["", OTHER])
def test_what_copies_cost(
    followed: Project, remedy: Remedy, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "_LARGE", 1)
    followed.write(MODEL + other)
    *_, header = remedy(said(followed, "lock"))
    text = MODEL + other if header in MODEL else f"{header}\n{MODEL}{other}"
    followed.write(text.replace(header, f'{header}\nlayout = "link"'))
    followed.lock_file.unlink()
    assert "layout" not in said(followed, "lock")


@cures(
    "…: … of … files are built one by one: apart from the download, that takes about …, and about … "
    'with a tree pin; to build them as one, write pin = "tree" in …, which downloads … when it is locked'
)
def test_many_derivations(
    followed: Project, hub: Hub, remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "_MANY_DERIVATIONS", 1)
    hub.add_repo("org/name", {"a.bin": b"a", "b.bin": b"b"}, lfs=["*.bin"])
    *_, header, _ = remedy(said(followed, "lock"))
    followed.write(MODEL.replace(header, f'{header}\npin = "tree"'))
    assert "one by one" not in said(followed, "lock")


@cures(
    "…; that takes at least …, because the server allows … requests in … without a token: set HF_TOKEN "
    "or run `hf auth login`"
)
def test_many_requests(
    followed: Project, hub: Hub, remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "_MANY_FILES", 0)
    monkeypatch.setattr(client, "_ANONYMOUS", Allowance(1, 300))
    _, least, *_ = remedy(said(followed, "lock", "--pin", "tree"))
    assert least == "10 min"
    followed.lock_file.unlink()
    hub.allow("hf_abcdefgh")
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefgh")
    assert "at least" not in said(followed, "lock", "--pin", "tree")


@cures(
    "… of … is …, and programs will not be able to load it; leave it out with exclude = …, or take a "
    "revision that has the file itself"
)
@pytest.mark.parametrize("how", ["exclude", "revision"])
def test_a_page_in_the_place_of_weights(
    followed: Project, hub: Hub, remedy: Remedy, how: str
) -> None:
    groups = remedy(said(followed, "lock"))
    if how == "exclude":
        followed.write(f"{MODEL}exclude = {groups[3]}\n")
    else:
        repo = hub.add_repo("org/name", {"config.json": b"{}", "m.gguf": b"GGUF"})
        followed.write(MODEL.replace(" }", f', rev = "{repo.sha}" }}'))
    assert "will not be able to load" not in said(followed, "lock")


@cures(
    '… is spelled "…" on the Hub: write repo = "…", because programs that use that spelling will not '
    "find the cache entry, which has yours",
)
def test_another_spelling(followed: Project, remedy: Remedy) -> None:
    followed.write(MODEL.replace("org/name", "org/Name"))
    *_, name = remedy(said(followed, "lock"))
    followed.write(MODEL.replace("org/name", name))
    assert "is spelled" not in said(followed, "lock")


@cures(
    '… has been renamed to "…" on the Hub: write repo = "…", or keep the old name as long as programs '
    "use it, because the cache entry has it",
)
def test_a_new_name(followed: Project, hub: Hub, remedy: Remedy) -> None:
    hub.rename("org/name", "org/new")
    *_, name = remedy(said(followed, "lock"))
    followed.write(MODEL.replace("org/name", name))
    assert "renamed" not in said(followed, "lock")


@pytest.fixture
def filled(moto: Moto, recording_proxy: RecordingProxy, bucket: str) -> str:
    assert recording_proxy.url
    moto.put(bucket, {"a.bin": b"content"})
    return bucket


@cures(
    "… has archived objects (…), so building it will fail; restore them with `aws s3api restore-object`"
)
def test_archived_objects(
    project: Project, recording_proxy: RecordingProxy, filled: str, remedy: Remedy
) -> None:
    """Amazon's part is played: moto has no archive that takes hours."""
    headers = {"x_amz_storage_class": "GLACIER"}
    recording_proxy.faults = as_amazon_says(recording_proxy, **headers)
    write(project, filled)
    remedy(said(project, "lock"))
    restored = {**headers, "x_amz_restore": 'ongoing-request="false"'}
    recording_proxy.faults = as_amazon_says(recording_proxy, **restored)
    project.lock_file.unlink()
    assert "has archived" not in said(project, "lock")


@cures("…: asking …, as models.lock says; to ask another server, write its endpoint")
def test_the_server_of_a_profile_that_is_gone(
    project: Project, filled: str, remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = os.environ["AWS_ENDPOINT_URL"]
    write(project, filled)
    said(project, "lock")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    _, server = remedy(said(project, "lock", "-U"))
    assert server == url
    write(project, filled, f', endpoint = "{server}"')
    assert "asking" not in said(project, "lock", "-U")
