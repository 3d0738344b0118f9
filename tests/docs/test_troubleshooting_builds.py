"""Symptoms of docs/troubleshooting.md that Nix reports are brought about; what helps is tried."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.lock.model import MOST_BUNDLED
from docs.symptoms import BUILD, LOCK, Symptom, type_all
from support import modules, registry, tinyllama
from support.environment import CHECKOUT
from support.loopback import LoopbackServer, Response
from support.nix import NixError

if TYPE_CHECKING:
    from pathlib import Path

    from docs.session import Session
    from support.hub import Hub
    from support.nix import NixEnv


def test_the_hash_differs(session: Session, symptom: Symptom) -> None:
    by_hand = (
        '{ pkgs, fetchModel }: { llama-2-7b = fetchModel pkgs { name = "llama-2-7b"; hash = "";'
        f' source.huggingface.repo = "{tinyllama.REPO}"; }}; }}'
    )
    models = session.directory / "models.nix"
    models.write_text(by_hand)
    said = session.attempt("nix", "build", ".#llama-2-7b").stderr
    symptom.seen(said, {session.nix.store: "/nix/store"})
    got = next(line.split()[1] for line in said.splitlines() if line.strip().startswith("got:"))
    models.write_text(by_hand.replace('hash = ""', f'hash = "{got}"'))
    type_all(session, BUILD, symptom.typed(), BUILD)


def test_a_gated_model_is_refused_although_you_have_a_token(
    session: Session, hub: Hub, symptom: Symptom
) -> None:
    hub.add_repo(tinyllama.REPO, tinyllama.files(), lfs=["*.safetensors"], gated="manual")
    hub.allow("hf_secret", tinyllama.REPO)
    token = {"HF_TOKEN": "hf_secret"}
    assert session.attempt("bash", "-euc", LOCK, **token).returncode == 0
    # Without the token, as a daemon would be.
    refused = session.attempt("nix", "build", "-L", ".#llama-2-7b").stderr
    symptom.seen(refused, {session.endpoint: "https://huggingface.co"})
    assert session.attempt("bash", "-euc", symptom.typed(), **token).returncode == 0
    type_all(session, BUILD)


def test_a_file_has_changed_upstream(session: Session, symptom: Symptom) -> None:
    # More than is bundled: the store would have it from `lock`.
    rest = bytes(MOST_BUNDLED)
    content = [b"GGUF old" + rest]
    with LoopbackServer(lambda _: Response(200, {}, content[0])) as server:
        source = f'source.url.files."model.gguf" = "{server.url}/model.gguf"'
        names = 'integration.huggingface = { org = "my-org", model = "llama" }'
        (session.directory / "models.toml").write_text(f"[models.llama]\n{source}\n{names}\n")
        type_all(session, LOCK)
        content[0] = b"GGUF new" + rest
        refused = session.attempt("nix", "build", "-L", ".#llama").stderr
        symptom.seen(refused, {server.url.removeprefix("http://"): "example.org"})
        type_all(session, LOCK)
        assert session.attempt("nix", "build", ".#llama").returncode != 0, "as the page says"
        type_all(session, symptom.typed(), "nix build .#llama")
        # What the manifest says of it does not change by an update: the log has the line.
        wrong = f'{{ url = "{server.url}/model.gguf", sha256 = "{"0" * 64}" }}'
        manifest = f'[models.llama]\nsource.url.files."model.gguf" = {wrong}\n{names}\n'
        (session.directory / "models.toml").write_text(manifest)
        type_all(session, LOCK)
        refused = session.attempt("nix", "build", "-L", ".#llama").stderr
        (line,) = set(re.findall(r'`(sha256 = "[0-9a-f]{64}")`', refused))
        right = manifest.replace(f'sha256 = "{"0" * 64}"', line)
        (session.directory / "models.toml").write_text(right)
        type_all(session, LOCK, "nix build .#llama")


def test_the_flake_does_not_provide_the_attribute(session: Session, symptom: Symptom) -> None:
    starter = CHECKOUT / "templates/project/models.nix"
    (session.directory / "models.nix").write_bytes(starter.read_bytes())
    symptom.seen(session.attempt("nix", "build", ".#llama-2-7b").stderr)
    type_all(session, symptom.typed(), BUILD)


def test_unexpected_end_of_file(session: Session, symptom: Symptom) -> None:
    type_all(session, LOCK)
    (session.directory / "models.nix").write_bytes(b"")
    symptom.seen(session.attempt("nix", "build", ".#llama-2-7b").stderr)
    type_all(session, symptom.typed(), BUILD)


def test_a_path_lacks_a_signature(session: Session, symptom: Symptom) -> None:
    keys = "nix-store --generate-binary-cache-key cache.example.org-1 secret.key public.key"
    type_all(session, LOCK, BUILD, keys, 'nix copy --to "file://$PWD/cache" ./result')
    model = session.run("readlink", "result").strip()
    type_all(session, f"rm result; nix-store --delete {model}")
    sigs = ("--option", "require-sigs", "true")
    refused = session.attempt(
        "nix", "copy", "--from", f"file://{session.directory}/cache", *sigs, model
    )
    symptom.seen(refused.stderr, {session.nix.store: "/nix/store"})
    type_all(session, f"MODEL={model}; {symptom.typed()}")
    assert session.nix.path(model).is_dir()


def test_ai_models_tokenservice_fails(host_nix: NixEnv, tmp_path: Path, symptom: Symptom) -> None:
    file = tmp_path / "token"
    config = modules.nixos(
        f'{{ services.ai-models = {{ enable = true; tokenFile = "{file}"; }}; }}'
    )
    unit = f"{config}.systemd.services.ai-models-token"
    script = host_nix.eval(f"{unit}.script")
    after = host_nix.build(f"{unit}.serviceConfig.ExecStopPost")
    variables = {"RUNTIME_DIRECTORY": str(tmp_path), "CREDENTIALS_DIRECTORY": str(tmp_path)}

    def start() -> subprocess.CompletedProcess[str]:
        """As systemd does, which passes the file under the name `token`."""
        command = f'bash -euc "$0"; EXIT_STATUS=$? {after}; [ -e environment ]'
        return subprocess.run(
            ["bash", "-c", command, script],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **variables},
        )

    shown: dict[object, str] = {file: "/run/secrets/hf-token"}
    symptom.seen(start().stderr, shown)
    for content in ("HF_TOKEN=hf_secret\n", '"hf_secret"\n', "\nhf_secret\n"):
        file.write_text(content)
        symptom.seen(start().stderr, shown)
    file.write_text("hf_secret\n")
    assert start().returncode == 0
    assert (tmp_path / "environment").read_text() == "HF_TOKEN=hf_secret\n"


def test_modelsnix_is_not_tracked_by_git(session: Session, symptom: Symptom) -> None:
    if session.nix.kind == "host":
        pytest.skip("the machine's own Nix may be an old one, which says something else")
    type_all(session, LOCK, "git init -q; git add flake.nix")
    symptom.seen(session.attempt("nix", "build", ".#llama-2-7b").stderr)
    type_all(session, symptom.typed(), BUILD)


def test_the_option_does_not_exist(host_nix: NixEnv, symptom: Symptom) -> None:
    lib = f"import {registry.flake('nixpkgs')}/lib"
    other = '{ lib, ... }: { options.services.openssh.enable = lib.mkEnableOption "SSH"; }'
    configuration = "{ services.ai-models.enable = true; }"
    with pytest.raises(NixError) as error:
        host_nix.eval(
            f"(({lib}).evalModules {{ modules = [ ({other}) {configuration} ]; }}).config"
        )
    symptom.seen(str(error.value))
    assert host_nix.eval(f"{modules.nixos(configuration)}.services.ai-models.enable") is True


def test_two_models_have_one_name(host_nix: NixEnv, symptom: Symptom) -> None:
    symptom.seen("\n".join(problems(host_nix, "llama", "llama-chat")))
    assert problems(host_nix, "llama") == []
    renamed = 'integration.huggingface = { org = "my-org"; model = "llama-chat"; };'
    beside = f"{{ services.ai-models.models.llama-chat = {{ {renamed} }}; }}"
    assert problems(host_nix, "llama", "llama-chat", beside=beside) == []


def test_a_licence_is_refused(host_nix: NixEnv, symptom: Symptom) -> None:
    enforced = "{ services.ai-models.enforceLicenses = true; }"
    symptom.seen("\n".join(problems(host_nix, "llama", beside=enforced)))
    allowed = "{ nixpkgs.config.allowUnfreePredicate = package: package.name != null; }"
    (said,) = problems(host_nix, "llama", beside=enforced)
    assert problems(host_nix, "llama", beside=f"{{ imports = [ {enforced} {allowed} ]; }}") == []
    assert problems(host_nix, "llama") == [], said


def problems(nix: NixEnv, *names: str, beside: str = "{ }") -> list[str]:
    """What NixOS refuses of models with these names, all of one repository."""
    model = (
        f'{{ source.huggingface.repo = "{tinyllama.REPO}"; hash = ""; meta.license = "llama2"; }}'
    )
    models = "".join(f"{name} = {model}; " for name in names)
    config = modules.nixos(
        f"{{ services.ai-models = {{ enable = true; models = {{ {models} }}; }}; }}", beside
    )
    failed = f"builtins.filter (each: !each.assertion) {config}.assertions"
    return [str(each) for each in nix.eval(f"map (each: each.message) ({failed})")]
