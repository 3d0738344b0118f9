"""Symptoms of locks in docs/troubleshooting.md are brought about; what helps is tried."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from docs.symptoms import BUILD, LOCK, Symptom, type_all
from support import tinyllama

if TYPE_CHECKING:
    from docs.session import Session
    from support.hub import Hub, Request, Response

CHECK = "aimodels-gen lock --check -o models.nix"


def checked(session: Session) -> str:
    """What `lock --check` prints where it finds something."""
    done = session.attempt("bash", "-euc", CHECK)
    assert done.returncode == 3, done.stderr
    return done.stdout


def edit(session: Session, name: str, old: str, new: str) -> None:
    file = session.directory / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_lock_is_not_up_to_date(session: Session, symptom: Symptom) -> None:
    type_all(session, LOCK, CHECK)
    with (session.directory / "models.toml").open("a") as manifest:
        manifest.write('include = ["*.json"]\n')
    edit(session, "models.nix", "llama-2-7b", "llama")
    symptom.seen(checked(session), {session.directory: "."} | {f"{session.directory}/": ""})
    type_all(session, symptom.typed(), CHECK)


def test_a_pin_was_edited_by_hand(session: Session, symptom: Symptom) -> None:
    type_all(session, LOCK)
    locked = (session.directory / "models.lock").read_text()
    digest = re.search(r"sha256-\w{4}", locked)
    assert digest
    edit(session, "models.lock", digest[0], "sha256-AAAA")
    symptom.seen(checked(session))
    type_all(session, symptom.typed(), CHECK)
    assert (session.directory / "models.lock").read_text() == locked


def test_another_run_is_locking(session: Session, hub: Hub, symptom: Symptom) -> None:
    asked, answered = threading.Event(), threading.Event()

    def wait(request: Request) -> Response | None:
        if "/tree/" in request.path:
            asked.set()
            answered.wait(60)
        return None

    hub.faults = wait
    lock = ("aimodels-gen", "lock", "-o", "models.nix")
    with session.start(*lock) as first:
        assert asked.wait(60)
        with session.start(*lock) as second:
            assert second.stderr
            symptom.seen(second.stderr.readline(), {f"process {first.pid})": "process 4711)"})
            type_all(session, symptom.typed().replace("4711", str(first.pid)))
            answered.set()
            assert second.wait(60) == 0
        assert first.wait(60) != 0
    type_all(session, CHECK)


def test_the_pinned_commit_is_gone(session: Session, hub: Hub, symptom: Symptom) -> None:
    repo = hub.add_repo(tinyllama.REPO, tinyllama.files(), lfs=["*.safetensors"])
    type_all(session, LOCK)
    gone = repo.sha
    repo.commit({**repo.files, "README.md": b"new"})
    del repo.commits[gone]
    symptom.seen(session.attempt("aimodels-gen", "outdated").stdout)
    type_all(session, symptom.typed(), BUILD)


def test_a_store_path_is_damaged(session: Session, symptom: Symptom) -> None:
    type_all(session, LOCK)
    told = session.run("aimodels-gen", "prefetch", "llama-2-7b")
    path = next(line for line in told.splitlines() if line.endswith("model.safetensors"))
    file = session.nix.path(path)
    file.chmod(0o644)
    file.write_bytes(b"damaged" + file.read_bytes()[7:])
    verify = ("aimodels-gen", "verify", "--store")
    said = session.attempt(*verify)
    assert said.returncode == 1
    symptom.seen(said.stderr, {session.nix.store: "/nix/store"})
    _, command, _ = said.stderr.split("`", 2)
    type_all(session, command)
    type_all(session, " ".join(verify))
