"""Every kind of source, locked by the command line and built by a real Nix in its sandbox."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from support.fake_repo import BigFile, chunks
from support.nix import NixError

if TYPE_CHECKING:
    from support.backend_fixtures import Locking
    from support.fake_repo import Content
    from support.hub import Hub
    from support.nix import NixEnv

FILES: dict[str, Content] = {
    "config.json": b'{"a": 1}\n',
    "a b+c/ü?#%.txt": b"odd",
    "model.safetensors": BigFile(9 << 20, 7),
}
EXPECTED = {path: b"".join(chunks(content)) for path, content in FILES.items()}


def expression(locking: Locking) -> str:
    assert locking.project.run("render", "-o", "models.nix").status == 0
    return (
        f"(import {locking.project.dir}/models.nix {{"
        ' pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; };'
        " inherit (import ./nix) fetchModel; }).m"
    )


@pytest.mark.parametrize("settings", ["", 'layout = "link"', 'pin = "tree"'])
def test_an_entry(nix: NixEnv, locking: Locking, settings: str) -> None:
    locking.backend.fill(FILES)
    locking.ok(settings=settings)
    out = nix.build(expression(locking), env=locking.backend.env)
    commit = (out / "refs/main").read_text()
    assert nix.contents(out / "snapshots" / commit) == EXPECTED
    if locking.backend.secret is not None:
        found = subprocess.run(
            ["grep", "-rl", locking.backend.secret, nix.real, locking.project.dir],
            check=False,
            capture_output=True,
            text=True,
        )
        assert (found.returncode, found.stdout) == (1, "")


def test_what_is_refused(host_nix: NixEnv, locking: Locking) -> None:
    """The build log has a reason and a hint, and no secret."""
    locking.backend.fill(FILES)
    locking.ok()
    locking.backend.refuse()
    with pytest.raises(NixError, match="HTTP 40") as caught:
        host_nix.build(expression(locking), env=locking.backend.env)
    assert "hint: " in str(caught.value)
    assert locking.backend.secret is None or locking.backend.secret not in str(caught.value)


def test_the_snapshot_of_a_pin_without_a_commit(host_nix: NixEnv, locking: Locking) -> None:
    locking.backend.fill(FILES)
    locking.ok()
    model = expression(locking)
    host_nix.build(model, env=locking.backend.env)
    user = host_nix.build(
        'let pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; }; in'
        ' pkgs.stdenvNoCC.mkDerivation { name = "user"; buildCommand ='
        f" ''ls -A ${{(import ./nix).integration.getModelPath ({model})}}/ > $out''; }}"
    )
    assert "config.json\n" in user.read_text()


def test_a_fallback(
    host_nix: NixEnv, hub: Hub, locking: Locking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub is down during the build; the entry is still the Hub's."""
    locking.backend.fill(FILES)
    hub.add_repo("org/name", FILES, lfs=["*.safetensors"])
    source, _, names = locking.backend.source().partition("\n")
    for variable, value in locking.backend.env.items():
        monkeypatch.setenv(variable, value)
    fallback = source.removeprefix("source.")
    if locking.backend.kind == "url":
        fallback = fallback.replace("url.files = {", "url = { files = {") + ', query = "public" }'
    if locking.backend.kind == "huggingface":
        hub.allow(locking.backend.secret or "")
        fallback = fallback.replace(
            " }", f', endpoint = "{locking.backend.recording_proxy.url}" }}'
        )
    locking.project.write(
        f'[models.m]\nsource.huggingface = {{ repo = "org/name", endpoint = "{hub.url}" }}\n'
        f"fallbacks = [{{ {fallback} }}]\n"
    )
    locking.project.ok("lock")
    assert names or locking.backend.kind == "huggingface"
    hub.close()
    out = host_nix.build(expression(locking), env=locking.backend.env)
    rev = locking.project.lock["m"]["source"]["huggingface"]["rev"]
    assert host_nix.contents(out / "snapshots" / rev) == EXPECTED
