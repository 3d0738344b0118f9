"""What `lock` says of large models that are copied because nothing was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.fake_repo import BigFile

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.hub import Hub
    from support.project import Project

FILES: dict[str, Content] = {"model.safetensors": BigFile(5 << 20, seed=1), "README.md": b"1"}
MODEL = '[models.big]\nsource.huggingface = { repo = "org/big" }\n'


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aimodels_gen.lock.layouts._LARGE", 4 << 20)


def test_the_cost_is_said_once(hub: Hub, hub_project: Project) -> None:
    repo = hub.add_repo("org/big", FILES, lfs=["*.safetensors"])
    hub.add_repo("org/small", {"README.md": b"1"})
    small = '[models.small]\nsource.huggingface = { repo = "org/small" }\n'
    hub_project.write(MODEL + small)
    said = hub_project.run("lock").err
    assert (
        'big: with layout = "copy", the default, building stores 5.0 MiB twice until garbage is '
        "collected, and fetches them again after that; to store and fetch them once, write "
        'layout = "link" in [models.big]\n'
    ) in said
    assert "small: with" not in said
    assert "layout" not in hub_project.run("lock").err
    repo.commit({**FILES, "README.md": b"2"})
    assert "layout" not in hub_project.run("update").err
    hub_project.write(MODEL.replace("models.big", "models.another") + MODEL + small)
    assert "another: with" in hub_project.run("lock").err


def test_several_models(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/big", FILES, lfs=["*.safetensors"])
    hub_project.write(MODEL + MODEL.replace("models.big", "models.b"))
    said = hub_project.run("lock").err
    assert "big, b: with" in said
    assert "stores 10.0 MiB twice" in said
    assert 'layout = "link" in [defaults]' in said


@pytest.mark.parametrize(
    "manifest",
    [
        '[defaults]\nlayout = "copy"\n' + MODEL,
        MODEL + 'layout = "copy"\n',
        MODEL + 'layout = "link"\n',
        MODEL + 'include = ["README.md"]\n',
    ],
)
def test_who_has_chosen_is_told_nothing(hub: Hub, hub_project: Project, manifest: str) -> None:
    hub.add_repo("org/big", FILES, lfs=["*.safetensors"])
    hub_project.write(manifest)
    assert "layout" not in hub_project.run("lock").err


def test_the_line_to_write_cures(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/big", FILES, lfs=["*.safetensors"])
    hub_project.write(MODEL)
    line = hub_project.run("lock").err.partition("write ")[2].partition(" in [models.big]")[0]
    hub_project.write(MODEL + line)
    assert line in hub_project.ok("lock").replace('= "link";', '= "link"')
