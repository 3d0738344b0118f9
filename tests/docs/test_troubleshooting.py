"""Each symptom of docs/troubleshooting.md is brought about, and what is to help is tried.

Here are those of programs and of the linker; test_troubleshooting_builds.py has those of Nix.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimodels_linker import lock
from docs.symptoms import BUILD, CACHE_NAME, LOAD, LOCK, SYMPTOMS, Machine, Symptom, type_all
from support import tinyllama
from support.linker import Linker
from support.unprivileged import prefix

if TYPE_CHECKING:
    from docs.session import Session
    from support.hub import Hub
    from support.linker import Run

_HF = Path(sys.executable).with_name("hf")
_LINK = (
    "mkdir -p ~/.cache/huggingface/hub;"
    f" ln -sfn $(readlink -f result) ~/.cache/huggingface/hub/{CACHE_NAME}"
)
_OFFLINE = {"HF_HUB_OFFLINE": "1"}
_READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


@pytest.fixture
def machine(hub: Hub, tmp_path: Path) -> Machine:
    """A machine with a cache that belongs to root."""
    if os.geteuid() != 0:
        pytest.skip("needs two users")
    repo = hub.add_repo(tinyllama.REPO, tinyllama.files(), lfs=["*.safetensors"])
    return Machine(hub, Linker(tmp_path), repo)


def test_every_symptom_has_a_test() -> None:
    files = Path(__file__).parent.glob("test_troubleshooting*.py")
    found = re.findall(r"^def (\w+)\(.*\bsymptom\b", "".join(map(_joined, files)), re.MULTILINE)
    assert sorted(found) == sorted(SYMPTOMS)


def _joined(file: Path) -> str:
    """Return a file with the head of each function on one line."""
    return re.sub(r"(?<=\()\n\s+|,\n\s*", " ", file.read_text())


def test_a_program_does_not_find_a_model(machine: Machine, symptom: Symptom) -> None:
    symptom.seen(machine.python(LOAD, **_OFFLINE).stderr, machine.shown)
    told = machine.program("bash", "-euc", symptom.typed(), PATH=_path()).stdout
    assert told == f"{machine.linker.hub}\n"
    machine.link()
    assert machine.python(LOAD, **_OFFLINE).returncode == 0


def test_a_link_leads_nowhere(session: Session, symptom: Symptom) -> None:
    look = ("ls", f"{session.home}/.cache/huggingface/hub/{CACHE_NAME}/")
    type_all(session, LOCK, BUILD, _LINK, "rm result; nix-store --gc")
    symptom.seen(session.attempt(*look).stderr, {session.home: "/home/alice"})
    type_all(session, symptom.typed(), "nix-store --gc")
    # In the real store, which the other Nix sees elsewhere.
    target = Path(session.run("readlink", look[1].rstrip("/")).strip())
    assert session.nix.path(target).is_dir()


def test_a_file_is_missing_that_the_repository_has(
    machine: Machine, session: Session, symptom: Symptom
) -> None:
    machine.link("config.json")
    symptom.seen(machine.python(LOAD, **_OFFLINE).stderr, machine.shown)
    manifest = session.directory / "models.toml"
    text = manifest.read_text()
    manifest.write_text(text + 'include = ["config.json"]\n')
    type_all(session, LOCK)
    assert "safetensors" not in (session.directory / "models.nix").read_text()
    manifest.write_text(text)
    type_all(session, symptom.typed())
    assert "safetensors" in (session.directory / "models.nix").read_text()


def test_nothing_can_be_downloaded_any_more(session: Session, symptom: Symptom) -> None:
    refused = session.attempt("hf", "download", "google-bert/bert-base-uncased", **_OFFLINE)
    symptom.seen(refused.stderr, {session.endpoint: "https://huggingface.co"})
    done = session.attempt("bash", "-euc", symptom.typed(), **_OFFLINE)
    assert done.returncode == 0, done.stderr


def test_hf_hub_offline_is_set(session: Session, symptom: Symptom) -> None:
    refused = session.attempt("bash", "-euc", LOCK, **_OFFLINE)
    assert refused.returncode == 1
    symptom.seen(refused.stderr)
    done = session.attempt("bash", "-euc", symptom.typed(), **_OFFLINE, TRANSFORMERS_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    type_all(session, BUILD)


def test_a_model_is_older_than_on_the_hub(session: Session, hub: Hub, symptom: Symptom) -> None:
    repo = hub.add_repo(tinyllama.REPO, tinyllama.files(), lfs=["*.safetensors"])
    type_all(session, LOCK)
    locked = (session.directory / "models.nix").read_text()
    repo.commit({**repo.files, "README.md": b"new"}, "second")
    type_all(session, LOCK)
    assert (session.directory / "models.nix").read_text() == locked
    symptom.seen(session.attempt("bash", "-euc", symptom.typed()).stderr)
    assert repo.sha in (session.directory / "models.nix").read_text()


def test_a_program_may_not_write_to_a_model(machine: Machine, symptom: Symptom) -> None:
    machine.link()
    assert machine.python(LOAD).returncode == 0
    machine.moves()
    symptom.seen(machine.python(LOAD).stderr, machine.shown)
    on_nixos = ("unshare", "--mount", "sh", "-euc", _READ_ONLY, machine.linker.store)
    environment = {**os.environ, "HF_HOME": str(machine.cache), "HF_ENDPOINT": machine.hub.url}
    done = subprocess.run(
        [*on_nixos, *prefix(), sys.executable, "-c", LOAD],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    symptom.seen(done.stderr, machine.shown)
    assert machine.python_after(symptom.typed(), LOAD).returncode == 0
    follows(machine)


def test_a_service_may_not_write_below_hf_home(machine: Machine, symptom: Symptom) -> None:
    config = b'{"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}'
    code = b"from transformers import PretrainedConfig\nclass Own(PretrainedConfig): pass\n"
    machine.repo.commit({"config.json": config, "own.py": code}, "with code")
    machine.link()
    load = (
        "from transformers import AutoConfig;"
        f" AutoConfig.from_pretrained({tinyllama.REPO!r}, trust_remote_code=True)"
    )
    symptom.seen(machine.python(load, **_OFFLINE).stderr, machine.shown)
    state = machine.linker.root / "inference"
    state.mkdir()
    state.chmod(0o777)
    remedy = symptom.typed().replace("/var/lib/inference", str(state))
    done = machine.python_after(f"export HF_HUB_OFFLINE=1\n{remedy}", load)
    assert done.returncode == 0, done.stderr


def test_a_service_cannot_download_other_models(machine: Machine, symptom: Symptom) -> None:
    machine.link()
    other = machine.hub.add_repo("org/other", {"config.json": b"{}"})
    ask = "from huggingface_hub import hf_hub_download; hf_hub_download('org/other', 'config.json')"
    symptom.seen(machine.python(ask).stderr, machine.shown)
    subprocess.run(["chown", "-R", "65534", machine.cache], check=True)
    assert machine.python(ask).returncode == 0
    subprocess.run(["chown", "-R", "0", machine.cache], check=True)
    subprocess.run(["rm", "-r", machine.linker.hub / "models--org--other"], check=True)
    machine.linker.link({"models--org--other": machine.linker.entry(other)})
    assert machine.python(ask).returncode == 0


def test_logging_in_fails(machine: Machine, symptom: Symptom) -> None:
    machine.link()
    machine.hub.allow("hf_secret")
    login = f"{_HF} auth login --token hf_secret"
    symptom.seen(machine.program("bash", "-euc", login).stderr, machine.shown)
    home = machine.linker.root / "alice"
    home.mkdir()
    home.chmod(0o777)
    done = machine.program("bash", "-euc", f"{symptom.typed()}\n{login}", HOME=str(home))
    assert done.returncode == 0, done.stderr


def test_ai_modelsservice_fails(machine: Machine, symptom: Symptom) -> None:
    machine.linker.hub.mkdir(parents=True)
    entries = {CACHE_NAME: machine.linker.entry(machine.repo)}
    failed = machine.linker.link(entries, launcher=prefix())
    assert failed.status == 1
    symptom.seen("\n".join(failed.err), machine.shown)
    while failed.status != 0:
        (said,) = failed.err
        subprocess.run(["sh", "-euc", command_in(said, "(sudo ", ")")], check=True)
        failed = machine.linker.link(entries, launcher=prefix())
        assert failed.err != [said]


def test_a_link_is_not_followed(machine: Machine, symptom: Symptom) -> None:
    disk = machine.linker.root / "data/huggingface"
    disk.mkdir(parents=True)
    machine.cache.symlink_to(disk)
    os.lchown(machine.cache, 65534, 65534)
    symptom.seen("\n".join(machine.link().err), machine.shown)
    os.lchown(machine.cache, 0, 0)
    machine.linker.root.chmod(0o777)
    symptom.seen("\n".join(machine.link().err), machine.shown)
    moved = machine.linker.but(hub=disk / "hub", state=disk / machine.linker.state.name)
    assert machine.link(linker=moved).err == []


def test_another_run_does_not_end(
    machine: Machine, symptom: Symptom, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = machine.linker.root / "run"
    monkeypatch.setattr(lock, "_ROOTS_DIRECTORY", str(directory))
    monkeypatch.setattr(time, "monotonic", itertools.count(step=10).__next__)
    machine.link()
    descriptor = os.open(directory / "nix-ai-models.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    told = machine.link().err[-1]
    symptom.seen(told, {directory: "/run/ai-models"})
    os.close(descriptor)
    assert machine.link().err == []


def test_something_is_left_alone(machine: Machine, symptom: Symptom) -> None:
    entry = machine.linker.hub / CACHE_NAME
    entry.mkdir(parents=True)
    (entry / "download").write_text("of mine")
    data = machine.linker.root / "data"
    data.mkdir()
    for _ in range(2):
        (said,) = machine.link().err
        symptom.seen(said, machine.shown)
        subprocess.run(["sh", "-euc", command_in(said, "activate again: ")], check=True)
        if not entry.is_symlink():
            entry.symlink_to(data / "llama")
    entry.unlink()
    assert machine.link().err == []
    assert entry.is_symlink()


def placed(machine: Machine, mode: str = "directory") -> Linker:
    """Return the linker for the directory of another program."""
    return machine.linker.but(
        hub=machine.linker.root / "comfyui/models",
        mode=mode,
        option="services.ai-models.integration.comfyui",
    )


def put(place: Linker, name: str = "view") -> Run:
    """Put a model into it."""
    view = place.view({"checkpoints/model.safetensors": b"weights"}, name)
    return place.run("link", place.view_spec(view))


def test_a_directory_of_another_program_is_left_alone(machine: Machine, symptom: Symptom) -> None:
    place = placed(machine, "link")
    (place.hub / "loras").mkdir(parents=True)
    (said,) = put(place).err
    symptom.seen(said, {place.root: "/var/lib"})
    assert put(placed(machine), "2").err == []
    subprocess.run(["sh", "-euc", command_in(said, "activate again: ")], check=True)
    assert put(place, "3").err == []
    assert place.hub.is_symlink()


def test_a_file_of_another_program_is_left_alone(machine: Machine, symptom: Symptom) -> None:
    place = placed(machine)
    (place.hub / "checkpoints").mkdir(parents=True)
    model = place.hub / "checkpoints/model.safetensors"
    model.write_text("mine")
    (said,) = put(place).err
    symptom.seen(said, {place.root: "/var/lib"})
    subprocess.run(["sh", "-euc", command_in(said, "activate again: ")], check=True)
    assert put(place, "2").err == []
    assert model.is_symlink()
    model.unlink()
    model.write_text("weights")
    assert put(place, "3").err == []
    assert not model.is_symlink()


def test_a_directory_leads_into_the_store(machine: Machine, symptom: Symptom) -> None:
    place = placed(machine)
    view = place.view({"models/x": b"x"}, "parent")
    place.hub.parent.symlink_to(view)
    (said,) = put(place).err
    symptom.seen(said, {place.store: "/nix/store", place.root: "/var/lib"})
    place.hub.parent.unlink()
    assert put(place, "2").err == []


def test_the_store_is_not_mounted_read_only(
    machine: Machine, symptom: Symptom, session: Session
) -> None:
    shown = {**machine.shown, machine.linker.store: "/nix/store"}
    (said,) = machine.link(linker=machine.linker.but(offline=False)).err
    symptom.seen(said, shown)
    for cured in (machine.linker, machine.linker.but(offline=False, mode="directory")):
        assert machine.link(linker=cured).err == []
    type_all(session, LOCK, BUILD)
    model = session.run("readlink", "result").strip()
    file = next(path for path in session.nix.path(model).rglob("main") if path.is_file())
    file.chmod(0o644)
    file.write_text("damaged")
    verify, repair = symptom.typed().replace("/nix/store/…-llama-2-7b", model).splitlines()
    assert session.attempt("bash", "-euc", verify).returncode != 0
    type_all(session, repair, verify)


def test_a_directory_stays_where_a_link_should_be(machine: Machine, symptom: Symptom) -> None:
    follows(machine)
    (said,) = machine.link().err
    symptom.seen(said, machine.shown)
    assert machine.python(LOAD, **_OFFLINE).returncode == 0
    subprocess.run(["sh", "-euc", command_in(said, "activate again: ")], check=True)
    assert machine.link().err == []
    assert (machine.linker.hub / CACHE_NAME).is_symlink()


def test_what_was_linked_before_is_not_known(machine: Machine, symptom: Symptom) -> None:
    machine.link()
    machine.linker.state.write_text("{")
    other = machine.linker.entry(machine.hub.add_repo("org/other", {"a": b"{}"}))
    said = machine.linker.link({"models--org--other": other})
    symptom.seen("\n".join(said.err), machine.shown)
    # As the page says: the model that has left is still there.
    left = {path.name for path in machine.linker.hub.iterdir()}
    assert left == {CACHE_NAME, "models--org--other"}
    (machine.linker.hub / CACHE_NAME).unlink()
    assert machine.linker.link({"models--org--other": other}).err == []


def follows(machine: Machine) -> None:
    """With `mode = "directory"`, an online program gets what is new, and nothing else."""
    directories = machine.linker.but(mode="directory")
    assert machine.link(linker=directories).err == []
    machine.moves()
    subprocess.run(["chmod", "-R", "a+w", machine.linker.hub], check=True)
    machine.hub.clear()
    get = f"from huggingface_hub import snapshot_download; snapshot_download({tinyllama.REPO!r})"
    assert machine.python(get).returncode == 0
    assert not any(request.path.startswith("/cdn/") for request in machine.hub.log)


def command_in(said: str, before: str, after: str = "\n") -> str:
    """The command in a message, between these."""
    command = said.partition(before)[2].partition(after)[0]
    assert command
    return command


def _path() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"
