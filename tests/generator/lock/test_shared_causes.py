"""What several models have in common is reported once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from support.hub import Hub
    from support.project import Project

FILES = {"config.json": b'{"a": 1}\n', "model.safetensors": b"weights"}
LFS = ["*.safetensors"]


def several(*repos: str) -> str:
    return "".join(
        f'[models.m{number}]\nsource.huggingface = {{ repo = "{repo}" }}\n'
        for number, repo in enumerate(repos)
    )


def test_a_bad_token_is_told_once(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    hub_project.write(several(*(f"org/name-{number}" for number in range(40))))
    error = hub_project.fails("lock")
    names = ", ".join(f"m{number}" for number in range(8))
    assert error == (
        f"error: {names} and 32 more: {hub.url} refused your token (HTTP 401)\n"
        "hint: renew it in HF_TOKEN or with `hf auth login`, or unset it for public models\n"
    )


def test_a_hub_that_cannot_be_reached_is_told_once(
    hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_project.write(several("org/a", "org/b", "org/c"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    error = hub_project.fails("lock")
    assert error.startswith("error: m0, m1, m2: cannot reach http://127.0.0.1:1: ")
    assert error.count("\n") == 2
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1 http://127.0.0.1:2")
    error = hub_project.fails("lock")
    assert error.startswith("error: m0, m1, m2: none of the 2 endpoints answers: cannot reach ")
    assert error.count("\n") == 2


def test_being_offline_is_told_once(hub_project: Project) -> None:
    hub_project.write(several("org/a", "org/b"))
    done = hub_project.spawn("lock", HF_HUB_OFFLINE="1")
    assert done.stderr.startswith("error: m0, m1: they must be looked up on the Hub, but HF")
    assert done.stderr.count("\n") == 2


def test_what_ails_each_model_is_told_of_each_with_one_hint(hub: Hub, hub_project: Project) -> None:
    name = 'integration.huggingface = { org = "o", model = "m" }\n'
    hub_project.write(several("org/a", "org/b", "org/b") + name)
    assert hub_project.fails("lock") == (
        f"error: m0: {hub.url} has no org/a, or it is private\n"
        f"error: m1, m2: {hub.url} has no org/b, or it is private\n"
        "hint: check the spelling and repo_type; if it is private, set HF_TOKEN or run "
        "`hf auth login`\n"
    )


def test_a_gate_is_told_once(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", FILES, lfs=LFS, gated="auto")
    model = (
        '[models.m{0}]\nsource.huggingface = {{ repo = "org/name" }}\ninclude = ["*.safetensors"]\n'
        'integration.huggingface = {{ org = "o", model = "m{0}" }}\n'
    )
    hub_project.write(model.format(0) + model.format(1))
    result = hub_project.run("lock", "-q")
    assert result.status == 0
    assert result.err.startswith("warning: m0, m1: org/name is gated")
    assert result.err.count("\n") == 1
