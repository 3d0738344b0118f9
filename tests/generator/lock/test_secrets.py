"""Tokens and passwords that servers repeat, and addresses that nobody can parse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher.redaction import MASK
from generator.helpers import names_in
from support.faults import ALWAYS, LISTING, REVISION, Fault, spoil, status

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project

TOKEN = "hf_hunter2OfTheTests"
MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
BAD = ["http://me:hunter2/x@127.0.0.1:9", "http:me:hunter2@127.0.0.1", "me:hunter2@127.0.0.1:9"]


@pytest.fixture
def logged_in(hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of somebody who has a token, in a file that no variable names."""
    hub.allow(TOKEN)
    monkeypatch.setattr(
        "aimodels_gen.sources.huggingface.library.get_token", lambda: TOKEN, raising=True
    )
    hub_project.write(MANIFEST)
    return hub_project


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aimodels_fetcher.redaction._learned", set())


@pytest.mark.parametrize(
    ("card", "files", "where"),
    [
        ({"license": TOKEN}, {"a": b""}, "card.license"),
        ({}, {f"{TOKEN}/a": b""}, "bundle.files"),
    ],
)
def test_a_lock_never_holds_it(
    hub: Hub, logged_in: Project, card: Any, files: dict[str, bytes], where: str
) -> None:
    hub.add_repo("org/name", files, card=card)
    error = logged_in.fails("lock", "-o", "models.nix")
    assert f"m: {where} would hold your token" in error
    assert "hunter2" not in error
    assert names_in(logged_in.dir) == ["models.toml"]


@pytest.mark.parametrize("debug", ["", "1"])
def test_messages_mask_it(
    hub: Hub, logged_in: Project, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    hub.add_repo("org/name", {"a": b""})
    monkeypatch.setenv("AIMODELS_DEBUG", debug)
    answer = status(200, b"[", **{"Content-Type": f"text/{TOKEN}"})
    spoil(hub, Fault("", answer, ALWAYS, LISTING))
    result = logged_in.run("lock")
    assert result.status == 1
    assert MASK in result.err
    assert "hunter2" not in result.err
    assert ("Traceback" in result.err) == bool(debug)


def test_an_error_that_nobody_expects(logged_in: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    def broken(*_: object) -> str:
        raise ZeroDivisionError(f"of {TOKEN}")

    monkeypatch.setattr("aimodels_gen.cli.locking.load", broken)
    assert f"unexpected ZeroDivisionError: of {MASK}" in logged_in.fails("lock")


@pytest.mark.parametrize("url", BAD)
@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY", "HF_ENDPOINT"])
def test_of_an_address_that_does_not_parse_only_the_variable_is_named(
    hub: Hub,
    hub_project: Project,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    variable: str,
) -> None:
    """Nor in a traceback."""
    hub.add_repo("org/name", {"a": b""})
    hub_project.write(MANIFEST)
    monkeypatch.setenv(variable, url)
    monkeypatch.setenv("AIMODELS_DEBUG", "1")
    result = hub_project.run("lock")
    assert result.status == 1
    assert f"{variable} " in result.err
    assert "hunter2" not in result.err


def test_a_redirect_to_what_does_not_parse(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", {"a": b""})
    hub_project.write(MANIFEST)
    spoil(hub, Fault("", status(302, Location=BAD[0]), ALWAYS, REVISION))
    error = hub_project.fails("lock")
    assert "redirects to an address that cannot be parsed" in error
    assert "hunter2" not in error


@pytest.mark.parametrize(
    "table",
    [
        'source.huggingface = { repo = "https://me:hunter2@huggingface.co/org/name" }',
        'source.huggingface = { repo = "me:hunter2@huggingface.co/org/name" }',
        'source.huggingface = { repo = "org/name", ref = "https://me:hunter2@h" }',
        'source.huggingface = { repo = "org/name", endpoint = "http://me:hunter2/x@h" }',
        'source.huggingface = { repo = "org/name", endpoint = ["http://me:hunter2/x@h"] }',
        'source.s3 = { bucket = "https://me:hunter2@h/bucket" }',
        'source.s3 = { bucket = "my-bucket", endpoint = "http://me:hunter2/x@h" }',
        'source.url.files."a" = "http://me:hunter2/x@h"',
        'source.url = { files."a" = "http://h/a", sums = "http://me:hunter2/x@h" }',
    ],
)
def test_the_manifest_is_not_quoted_where_it_may_hold_a_password(
    project: Project, table: str
) -> None:
    project.write(f"[models.m]\n{table}\nintegration.huggingface.enable = false\n")
    assert "hunter2" not in project.fails("lock")


@pytest.mark.parametrize("command", ["render", "prefetch"])
def test_a_lock_with_a_password_in_an_address(hub: Hub, hub_project: Project, command: str) -> None:
    hub.add_repo("org/name", {"a": b""})
    hub_project.write(MANIFEST.replace(" }", f', endpoint = "{hub.url}" }}'))
    hub_project.ok("lock")
    text = hub_project.lock_file.read_text().replace("http://", "http://me:hunter2@")
    hub_project.lock_file.write_text(text)
    error = hub_project.fails(command)
    assert "models.m.source.huggingface.endpoint is not an http(s) address" in error
    assert "hunter2" not in error
