"""What `lock` says of models of many files, before what takes long begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimodels_gen.lock import costs

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.hub import Hub
    from support.project import Project

MODEL = '[models."a.b"]\nsource.huggingface = { repo = "org/name" }\n'
FILES: dict[str, Content] = {f"{n}.bin": b"%d" % n for n in range(4)}
SMALL: dict[str, Content] = {"config.json": b"{}", "README.md": b"1", "a/b.txt": b"2"}
PROPOSAL = (
    "warning: a.b: 4 of 7 files are built one by one: apart from the download, that takes about "
    '40 min, and about 14 s with a tree pin; to build them as one, write pin = "tree" in '
    '[models."a.b"], which downloads 8 B when it is locked\n'
)


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "_MANY_DERIVATIONS", 3)
    monkeypatch.setattr(costs, "_MANY_FILES", 3)
    monkeypatch.setattr(costs, "_DERIVATION_SECONDS", 600)
    monkeypatch.setattr(costs, "_FILE_SECONDS", 2)


def said(project: Project, *args: str) -> str:
    run = project.run(*args)
    assert run.status == 0, run.err
    return run.err


def test_a_tree_is_proposed_for_many_files_that_are_built_one_by_one(
    hub: Hub, hub_project: Project
) -> None:
    """Not for those of the bundle; and not again where the pin stays, or little of it changes."""
    repo = hub.add_repo("org/name", {**FILES, **SMALL}, lfs=["*.bin"])
    hub_project.write(MODEL)
    assert PROPOSAL in said(hub_project, "lock")
    assert "tree" not in said(hub_project, "lock")
    assert "tree" not in said(hub_project, "update")
    repo.commit({**FILES, **SMALL, "0.bin": b"new", "4.bin": b"4"})
    assert "tree" not in said(hub_project, "update")
    repo.commit({f"{n}.bin": b"other %d" % n for n in range(4)})
    assert "4 of 4 files are built one by one" in said(hub_project, "update")


@pytest.mark.parametrize(
    ("manifest", "option"),
    [
        (MODEL + 'pin = "tree"\n', []),
        (MODEL + 'pin = "files"\n', []),
        ('[defaults]\npin = "files"\n' + MODEL, []),
        (MODEL, ["--pin", "files"]),
        (MODEL, ["--pin", "tree"]),
        (MODEL + 'include = ["[0-2].bin", "*.json"]\n', []),
    ],
)
def test_who_has_chosen_gets_no_proposal(
    hub: Hub, hub_project: Project, manifest: str, option: list[str]
) -> None:
    hub.add_repo("org/name", {**FILES, **SMALL}, lfs=["*.bin"])
    hub_project.write(manifest)
    assert "one by one" not in said(hub_project, "lock", *option)


def test_how_much_is_read(hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "_MANY_FILES", 2)
    hub.add_repo("org/name", {**FILES, **SMALL}, lfs=["*.bin"])
    hub_project.write(MODEL)
    reading = (
        "a.b: org/name publishes no sha256 for 3 files (4 B); reading them once to compute it\n"
    )
    assert reading in said(hub_project, "lock")
    hub_project.lock_file.unlink()
    assert "publishes no sha256" not in said(hub_project, "lock")  # they are in the cache
    whole = "a.b: downloading 7 files (8 B) of org/name for its tree pin\n"
    assert whole in said(hub_project, "lock", "--pin", "tree")
