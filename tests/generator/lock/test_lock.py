"""`lock`, `update` and `render` against a Hub over real HTTP."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.digests import hex_to_sri
from generator.helpers import names_in
from generator.samples import HOSTILE
from support.fake_repo import blob_id, lfs_pointer
from support.hub import BigFile

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.project import Project

WEIGHTS = b"weights" * 1000
FILES = {
    "config.json": b'{"a": 1}\n',
    "tokenizer/vocab.txt": b"a\nb\n",
    "model.safetensors": WEIGHTS,
    "old.bin": b"pickled",
}
MODIFIED = "2024-01-01T00:00:00Z"  # what our Hub says of each commit
LFS = ["*.safetensors", "*.bin"]
MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    hub_project.write(MANIFEST)
    return hub.add_repo("org/name", FILES, lfs=LFS, card={"license": "mit"})


def content_hash(content: bytes) -> str:
    return hex_to_sri(hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("said", "locked"),
    [
        ("base/one", ["base/one"]),
        (["base/one", "base/two"], ["base/one", "base/two"]),
        (["base/one", 1, "\0"], ["base/one"]),
        ({}, None),
        ([], None),
    ],
)
def test_base_models_are_names_or_nothing(
    hub: Hub, hub_project: Project, said: object, locked: object
) -> None:
    hub_project.write(MANIFEST)
    hub.add_repo("org/name", {"a": b""}, card={"base_model": said})
    hub_project.ok("lock")
    assert hub_project.lock["m"]["card"].get("baseModels") == locked


@pytest.mark.parametrize(
    ("said", "locked"),
    [
        ("mit", {"license": "mit"}),
        (["apache-2.0", "mit"], {"license": "apache-2.0, mit"}),
        ("\0", {}),
        ("new\nline", {}),
        ("\ud800", {}),
        (True, {}),
        ({"name": "mit"}, {}),
    ],
)
def test_a_licence_is_text_or_nothing(
    hub: Hub, hub_project: Project, said: object, locked: dict[str, str]
) -> None:
    hub_project.write(MANIFEST)
    hub.add_repo("org/name", {"a": b""}, card={"license": said})
    hub_project.ok("lock")
    assert hub_project.lock["m"]["card"] == {"modified": MODIFIED, **locked}


def resolved_paths(hub: Hub) -> list[str]:
    return [request.path for request in hub.log if "/resolve/" in request.path]


def test_the_lock_holds_what_the_hub_holds(hub_project: Project, repo: Repo) -> None:
    printed = hub_project.ok("lock")
    model = hub_project.lock["m"]
    assert model["source"] == {"huggingface": {"repo": "org/name", "rev": repo.sha}}
    assert model["card"] == {"license": "mit", "modified": MODIFIED}
    assert model["files"] == {
        path: {
            "hash": content_hash(FILES[path]),
            "size": len(FILES[path]),
            "lfs": True,
            "blobId": blob_id(lfs_pointer(FILES[path])),
        }
        for path in ("model.safetensors", "old.bin")
    }
    assert model["bundle"]["files"] == {
        path: {
            "hash": content_hash(FILES[path]),
            "size": len(FILES[path]),
            "blobId": blob_id(FILES[path]),
        }
        for path in ("config.json", "tokenizer/vocab.txt")
    }
    assert f'rev = "{repo.sha}";' in printed
    assert content_hash(WEIGHTS) in printed


def test_large_files_are_not_downloaded(hub: Hub, hub_project: Project) -> None:
    big = BigFile(300 << 20, seed=1)
    hub.add_repo("org/name", {"model.safetensors": big, "config.json": b"{}"}, lfs=LFS)
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    assert hub_project.files()["model.safetensors"]["size"] == 300 << 20
    assert hub.sent_bytes < 10_000
    assert not any("/cdn/" in request.path for request in hub.log)


@pytest.mark.usefixtures("repo")
def test_unchanged_means_nobody_is_contacted(hub: Hub, hub_project: Project) -> None:
    printed = hub_project.ok("lock")
    before = hub_project.lock_file.stat()
    hub.close()
    again = hub_project.run("lock")
    assert (again.status, again.out) == (0, printed)
    assert again.err == "= 1 unchanged\n"
    after = hub_project.lock_file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert hub_project.ok("render") == printed
    assert hub_project.ok("render", "models.toml") == printed


def test_pins_stay_until_they_are_upgraded(hub: Hub, hub_project: Project, repo: Repo) -> None:
    printed = hub_project.ok("lock")
    first = repo.sha
    changed = {**FILES, "config.json": b'{"a": 2}\n', "new.txt": b"new"}
    del changed["old.bin"]
    second = repo.commit(changed)
    assert hub_project.ok("lock") == printed

    hub.clear()
    result = hub_project.run("lock", "--upgrade")
    assert result.status == 0
    assert result.err == (
        f"~ m  org/name main {first[:7]} -> {second[:7]}  4 files  6.9 KiB  mit"
        " (1 changed, 1 new, 1 gone)\n1 model, 4 files, 6.9 KiB, 12 B to fetch\n"
    )
    assert f'rev = "{second}";' in result.out
    # Only what the old lock does not know is transferred.
    asked = [path for path in resolved_paths(hub) if "resolve-cache" not in path]
    assert sorted(asked) == [f"/org/name/resolve/{second}/{p}" for p in ("config.json", "new.txt")]


def test_one_model_is_upgraded_by_name(hub: Hub, hub_project: Project) -> None:
    repos = {name: hub.add_repo(f"org/{name}", FILES, lfs=LFS) for name in "ab"}
    hub_project.write(
        "".join(f'[models.{n}]\nsource.huggingface = {{ repo = "org/{n}" }}\n' for n in "ab")
    )
    hub_project.ok("lock")
    first = {name: repo.sha for name, repo in repos.items()}
    second = {name: repo.commit({"new": b"x"}) for name, repo in repos.items()}

    def revs() -> dict[str, str]:
        return {n: hub_project.lock[n]["source"]["huggingface"]["rev"] for n in "ab"}

    hub_project.ok("lock", "-P", "a")
    assert revs() == {"a": second["a"], "b": first["b"]}
    hub_project.ok("update", "b")
    assert revs() == second
    third = {name: repo.commit({"newer": b"x"}) for name, repo in repos.items()}
    hub_project.ok("update")
    assert revs() == third
    error = hub_project.fails("lock", "-P", "c")
    assert "no model named c" in error
    assert "it has a, b" in error


def test_an_update_of_what_has_not_moved_is_one_request_for_each(
    hub: Hub, hub_project: Project
) -> None:
    repos = {f"m{n}": hub.add_repo(f"org/m{n}", {"a": b"%d" % n}) for n in range(40)}
    models = "".join(f'[models.{n}]\nsource.huggingface = {{ repo = "org/{n}" }}\n' for n in repos)
    hub_project.write(models)
    hub_project.ok("lock")
    before = hub_project.lock
    hub.clear()
    assert "= 40 unchanged" in hub_project.run("update").err
    assert len(hub.log) == 40
    assert hub_project.lock == before

    repos["m7"].commit({"b": b"new"})
    hub.clear()
    hub_project.ok("update")
    asked = [request.path for request in hub.log if "/revision/" not in request.path]
    assert all("/m7/" in path for path in asked)
    assert len(hub.log) == 40 + len(asked)
    assert list(hub_project.files("m7")) == ["b"]


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("pin", ["files", "tree"])
def test_what_else_changes_is_listed(hub: Hub, hub_project: Project, pin: str) -> None:
    """Another kind of pin, other filters: the commit alone does not decide."""
    hub_project.ok("lock")
    assert "old.bin" in str(hub_project.lock)
    hub_project.write(MANIFEST + f'pin = "{pin}"\nexclude = ["*.bin"]\n')
    hub_project.ok("update")
    assert "old.bin" not in str(hub_project.lock)
    hub.clear()
    hub_project.ok("update")
    assert len(hub.log) == 1


def test_a_gate_that_was_closed_since(hub_project: Project, repo: Repo) -> None:
    hub_project.write(MANIFEST + 'include = ["*.safetensors"]\n')
    hub_project.ok("lock")
    repo.gated = "manual"
    result = hub_project.run("update")
    assert "warning: m: org/name is gated" in result.err
    assert hub_project.lock["m"]["card"]["gated"] == "manual"


def test_an_entry_that_changes_is_locked_again(hub_project: Project, repo: Repo) -> None:
    hub_project.ok("lock")
    repo.commit({**FILES, "config.json": b"other"})
    hub_project.write(MANIFEST + 'exclude = ["*.bin"]\n')
    hub_project.ok("lock")
    model = hub_project.lock["m"]
    assert model["source"]["huggingface"]["rev"] == repo.sha
    assert "old.bin" not in hub_project.files()


def test_what_decides_no_file_moves_no_pin(hub: Hub, hub_project: Project, repo: Repo) -> None:
    hub_project.ok("lock")
    first = repo.sha
    repo.commit({"other": b""})
    hub_project.write(MANIFEST + 'layout = "link"\nintegration.huggingface = { org = "x" }\n')
    hub.clear()
    printed = hub_project.ok("lock")
    assert hub.log == []
    assert f'rev = "{first}"' in printed
    assert 'layout = "link";' in printed
    assert 'integration.huggingface.org = "x";' in printed


def test_models_that_leave_the_manifest_leave_the_lock(
    hub: Hub, hub_project: Project, repo: Repo
) -> None:
    other = hub.add_repo("org/other", FILES, lfs=LFS)
    hub_project.ok("lock")
    hub_project.write(MANIFEST.replace("models.m", "models.n").replace("org/name", "org/other"))
    result = hub_project.run("lock")
    assert result.err.splitlines() == [
        f"- m  org/name main {repo.sha[:7]}",
        f"+ n  org/other main {other.sha[:7]}  4 files  6.9 KiB",
        "1 model, 4 files, 6.9 KiB, 0 B to fetch",
    ]
    assert list(hub_project.lock) == ["n"]


@pytest.mark.parametrize(("ref", "named"), [("v1.0", True), ("refs/pr/1", True), ("main", False)])
def test_any_ref_is_followed(hub_project: Project, repo: Repo, ref: str, named: bool) -> None:  # noqa: FBT001 - a parameter of the test
    sha = repo.sha
    if named:
        repo.ref(ref, sha)
        repo.commit({"later": b""})
    hub_project.write(MANIFEST.replace(" }", f', ref = "{ref}" }}'))
    printed = hub_project.ok("lock")
    assert f'rev = "{sha}";' in printed
    assert (f'ref = "{ref}";' in printed) == named


def test_a_commit_is_taken_as_it_is(hub_project: Project, repo: Repo) -> None:
    sha = repo.sha
    repo.commit({"later": b""})
    hub_project.write(MANIFEST.replace(" }", f', rev = "{sha}" }}'))
    assert f'rev = "{sha}";' in hub_project.ok("lock")
    hub_project.ok("update")
    assert hub_project.lock["m"]["source"]["huggingface"]["rev"] == sha


@pytest.mark.parametrize("kind", ["dataset", "space", "kernel"])
def test_datasets_and_spaces(hub: Hub, hub_project: Project, kind: str) -> None:
    hub.add_repo("org/data", FILES, lfs=LFS, repo_type=kind)
    hub_project.write(
        f'[models.d]\nsource.huggingface = {{ repo = "org/data", repo_type = "{kind}" }}\n'
    )
    assert f'repoType = "{kind}";' in hub_project.ok("lock")
    assert set(hub_project.files("d")) == set(FILES)


def test_all_pages_of_a_listing(hub: Hub, hub_project: Project) -> None:
    hub.page_size = 7
    files = {f"dir{n % 5}/part-{n}.bin": b"%d" % n for n in range(60)}
    hub.add_repo("org/name", files, lfs=["*.bin"], xet=True)
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    assert set(hub_project.files()) == set(files)


def test_filters_and_a_pattern_that_matches_nothing(hub_project: Project, repo: Repo) -> None:
    assert repo.sha
    hub_project.write(MANIFEST + 'include = ["*.json", "*.safetensor"]\nexclude = ["tok*"]\n')
    result = hub_project.run("lock")
    assert list(hub_project.files()) == ["config.json"]
    assert "warning: m: no file matches '*.safetensor'\n" in result.err


def test_odd_names_survive(hub: Hub, hub_project: Project) -> None:
    files = {name: name.encode() for name in HOSTILE}
    hub.add_repo("org/name", files)
    hub_project.write(MANIFEST)
    printed = hub_project.ok("lock", "--format", "json")
    locked = json.loads(printed)["models"]["m"]["bundle"]["files"]
    assert {path: file["hash"] for path, file in locked.items()} == {
        path: content_hash(content) for path, content in files.items()
    }


def test_the_endpoint_of_a_manifest(
    hub: Hub, hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repo.sha
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    hub_project.write(MANIFEST.replace(" }", f', endpoint = "{hub.url}/" }}'))
    assert f'endpoint = "{hub.url}";' in hub_project.ok("lock")


@pytest.mark.usefixtures("repo")
def test_output_to_a_file(hub_project: Project) -> None:
    target = hub_project.dir / "models.nix"
    target.write_text("")
    target.chmod(0o600)
    assert hub_project.ok("lock", "-o", "models.nix") == ""
    assert target.read_text() == hub_project.ok("render")
    before = target.stat()
    assert before.st_mode & 0o777 == 0o600
    hub_project.ok("lock", "-o", "models.nix")
    assert target.stat().st_mtime_ns == before.st_mtime_ns
    assert names_in(hub_project.dir) == ["models.lock", "models.nix", "models.toml"]


@pytest.mark.usefixtures("repo")
def test_quiet_says_nothing(hub_project: Project) -> None:
    assert hub_project.run("lock", "-q").err == ""


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("name", ["models.toml", "./models.lock"])
def test_neither_manifest_nor_lock_can_be_the_output(hub_project: Project, name: str) -> None:
    hub_project.ok("lock")
    before = (hub_project.dir / name).read_bytes()
    for command in ("lock", "render"):
        result = hub_project.run(command, "-o", name)
        assert (result.status, result.out) == (2, "")
        assert "would overwrite" in result.err
    assert (hub_project.dir / name).read_bytes() == before


def test_a_manifest_elsewhere_has_its_lock_beside_it(hub_project: Project, repo: Repo) -> None:
    assert repo.sha
    (hub_project.dir / "sub").mkdir()
    (hub_project.dir / "sub" / "ai.toml").write_text(MANIFEST)
    printed = hub_project.ok("lock", "sub/ai.toml")
    assert printed.startswith("# Generated by aimodels-gen from ai.toml. ")
    assert (hub_project.dir / "sub" / "ai.lock").exists()
    assert hub_project.ok("render", "sub/ai.lock") == printed
