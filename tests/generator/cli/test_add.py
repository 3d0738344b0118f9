"""`add`: any address that people paste becomes a model that is pinned, or nothing changes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.manifest import edit
from aimodels_gen.manifest.parse import load
from generator.helpers import names_in
from support.loopback import LoopbackServer, Response
from support.remedies import cures

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Runner
    from support.hub import Hub
    from support.project import Project
    from support.remedies import Remedy
    from support.s3 import Moto

TEXT = """\
# Ours.
[output]
file = "models.nix" # for the flake

[models.a]
source.huggingface = { repo = "org/a" } # the first

[defaults] # of all
exclude = ["*.bin"]
"""
FILES = {"config.json": b"{}", "x.Q4_K_M.gguf": b"GGUF", "y.bin": b"y"}


@pytest.fixture
def ours(hub: Hub, hub_project: Project) -> Project:
    """A project with a model that is locked, and has moved since."""
    repo = hub.add_repo("org/a", FILES, lfs=["*.gguf"])
    hub.add_repo("org/b", FILES, lfs=["*.gguf"])
    hub_project.write(TEXT)
    hub_project.ok("lock")
    repo.commit({"config.json": b"[]"})
    hub.clear()
    return hub_project


def text(project: Project) -> str:
    return (project.dir / "models.toml").read_bytes().decode()


def test_a_model_is_added_and_locked(hub: Hub, ours: Project) -> None:
    before = ours.lock["a"]
    done = ours.run("add", "org/b")
    assert (done.status, done.out) == (0, "")
    assert done.err.splitlines()[0].startswith("+ b  org/b main")
    assert done.err.splitlines()[-1] == "wrote models.toml, models.lock, models.nix"
    added = '\n[models.b]\nsource.huggingface = { repo = "org/b" }\n'
    assert text(ours) == TEXT.replace("# the first\n", f"# the first\n{added}")
    assert list(ours.files("b")) == ["x.Q4_K_M.gguf", "config.json"]
    assert ours.lock["a"] == before
    assert not any("org/a" in request.path for request in hub.log)
    assert "  b = fetchModel" in (ours.dir / "models.nix").read_text()


@pytest.mark.parametrize(
    ("args", "model"),
    [
        (["org/b:Q4_K_M"], 'b { repo = "org/b", quant = "Q4_K_M" }'),
        (
            ["org/b:Q4_K_M", "hf.co/org/b:Q8_0", "org/b:q8_0"],
            'b { repo = "org/b", quant = ["Q4_K_M", "q8_0"] }',
        ),
        (
            ["org/b:Q4_K_M", "org/b/config.json"],
            'b { repo = "org/b", quant = "Q4_K_M" } include = ["config.json"]',
        ),
        (["org/b/config.json", "org/b:Q4_K_M", "org/b"], 'b { repo = "org/b" }'),
        (["llama-server", "-hf", "org/b:Q4_K_M"], 'b { repo = "org/b", quant = "Q4_K_M" }'),
        (["ollama", "run", "hf.co/org/b:IQ4_XS"], 'b { repo = "org/b", quant = "IQ4_XS" }'),
        (["ollama run hf.co/org/b:latest"], 'b { repo = "org/b" }'),
        (["org/b@v1", "--name", "c.d"], '"c.d" { repo = "org/b", ref = "v1" }'),
        (["org/b:Q4_K_M@v1"], 'b { repo = "org/b", quant = "Q4_K_M", ref = "v1" }'),
        (["hf://org/b@v1", "--ref", "v2"], 'b { repo = "org/b", ref = "v2" }'),
        (["org/b@v1", "--ref", "main"], 'b { repo = "org/b" }'),
        (["org/b@v1", "--rev", "A" * 40], f'b {{ repo = "org/b", rev = "{"a" * 40}" }}'),
        (["org/b", "--type", "dataset"], 'b { repo = "org/b", repo_type = "dataset" }'),
        (["datasets/org/b", "--type", "model"], 'b { repo = "org/b" }'),
        (
            ["https://huggingface.co/spaces/org/b/tree/v1"],
            'b { repo = "org/b", ref = "v1", repo_type = "space" }',
        ),
        (
            [
                "https://huggingface.co/org/b/blob/main/x.gguf",
                "https://huggingface.co/org/b/resolve/main/config.json?download=true",
            ],
            'b { repo = "org/b" } include = ["x.gguf", "config.json"]',
        ),
        (
            ["org/b", "--include", "*.gguf,*.json", "--exclude", "*Q8*"],
            'b { repo = "org/b" } include = ["*.gguf", "*.json"] exclude = ["*Q8*"]',
        ),
        (["org/b", "--pin", "tree"], 'b { repo = "org/b" } pin = "tree"'),
        (["org/other/", "--name", "b"], 'b { repo = "org/other" }'),
        (["other/a"], 'a-2 { repo = "other/a" }'),
        (["gpt2"], 'gpt2 { repo = "gpt2" }'),
        (["hf download org/b config.json"], 'b { repo = "org/b" } include = ["config.json"]'),
        (
            ["-q", "hf", "download", "org/b", "--revision", "v1", "--include", "*.json"],
            'b { repo = "org/b", ref = "v1" } include = ["*.json"]',
        ),
        (
            ["huggingface-cli", "download", "--repo-type", "dataset", "org/b", "--name", "c"],
            'c { repo = "org/b", repo_type = "dataset" }',
        ),
        (["--", "hf", "download", "org/b", "--no-lock"], 'b { repo = "org/b" }'),
        (["git", "clone", "https://huggingface.co/org/b"], 'b { repo = "org/b" }'),
        (["https://huggingface.co/outPath"], 'outPath-model { repo = "outPath" }'),
    ],
)
def test_what_people_paste(project: Project, args: list[str], model: str) -> None:
    project.write(TEXT)
    project.ok("add", "--no-lock", *args)
    name, _, keys = model.partition(" ")
    source, brace, others = keys.partition(" }")
    lines = [f"[models.{name}]", f"source.huggingface = {source}{brace}"]
    block = text(project).partition(f"\n[models.{name}]\n")[2].partition("\n\n")[0]
    assert block.split("\n")[0] == lines[1]
    assert " ".join(block.split("\n")[1:]) == others.strip()
    assert names_in(project.dir) == ["models.toml"]


@cures('write `integration.ollama = { name = "…" }` for …, and run `aimodels-gen lock`')
def test_a_name_for_ollama(ours: Project, remedy: Remedy) -> None:
    ours.ok("add", "org/b", "--ollama", "llama3.2:1b")
    line = 'integration.ollama = { name = "llama3.2:1b" }'
    assert f'source.huggingface = {{ repo = "org/b" }}\n{line}\n' in text(ours)
    assert ours.lock["b"]["views"] == {"ollama": {"enable": True, "name": "llama3.2:1b"}}
    assert '"ollama": "llama3.2:1b"' in ours.ok("show", "b", "--json")
    assert "in Ollama    llama3.2:1b\n" in ours.ok("show", "b")
    before = text(ours)
    ours.ok("add", "org/b", "--ollama", "llama3.2:1b")
    remedy(ours.fails("add", "org/a", "--ollama", "a:1b"))
    assert text(ours) == before
    ours.write(before.replace(" # the first\n", f"\n{remedy.commands[0]}\n"))
    ours.ok("lock")
    assert ours.lock["a"]["views"]["ollama"]["name"] == "a:1b"


def test_a_mirror_of_the_environment(hub: Hub, ours: Project) -> None:
    ours.ok("add", f"{hub.url}/org/b/blob/main/config.json")
    assert 'source.huggingface = { repo = "org/b" }\ninclude = ["config.json"]' in text(ours)
    assert list(ours.files("b")) == ["config.json"]


def test_several_models(ours: Project, hub: Hub) -> None:
    hub.add_repo("org/d", {"d.json": b"d"}, repo_type="dataset")
    ours.ok("add", "org/b", "https://huggingface.co/datasets/org/d")
    assert list(ours.lock) == ["a", "b", "d"]
    assert text(ours).index("[models.b]") < text(ours).index("[models.d]")


def test_a_bucket(moto: Moto, bucket: str, project: Project) -> None:
    moto.put(bucket, {"fine-tuned/llama/config.json": b"{}", "other": b""})
    project.write("")
    done = project.run("add", f"s3://{bucket}/fine-tuned/llama/", "-o", "models.nix")
    assert done.status == 0
    assert done.err.startswith("llama is my-org/llama in a cache: to change that, edit integr")
    assert list(project.files("llama")) == ["config.json"]
    done = project.run("add", "--no-lock", f"aws s3 sync s3://{bucket}/fine-tuned/llama .")
    assert (
        done.err == "models.toml has "
        f"s3://{bucket}/fine-tuned/llama/ already, as llama\nunchanged\n"
    )


def test_files_at_urls(project: Project) -> None:
    project.write("")
    with LoopbackServer(lambda request: Response(200, {}, request.path.encode())) as server:
        urls = [
            f"{server.url}/tiny-llama/{name}?download=true" for name in ("model.gguf", "c.json")
        ]
        project.ok("add", *urls, "-o", "models.nix")
        project.ok("add", "curl", "-L", "-O", f"{server.url}/x/y-00001-of-00002.gguf", "-o", "-")
    assert sorted(project.files("tiny-llama")) == ["c.json", "model.gguf"]
    assert list(project.files("y")) == ["y-00001-of-00002.gguf"]
    assert "?" not in text(project)


def test_what_is_there_already(hub: Hub, ours: Project) -> None:
    for args in (["org/a"], ["hf://org/a@main", "--name", "a"]):
        done = ours.run("add", *args)
        assert (done.status, done.out) == (0, "")
        assert done.err == "models.toml has org/a already, as a\n= 1 unchanged\n"
    assert text(ours) == TEXT
    assert hub.log == []


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], "Missing argument"),
        (["org/b", "org/c", "--name", "x"], "--name names one model, and these are 2"),
        (["org/b", "org/c", "--ollama", "x"], "--ollama names one model, and these are 2"),
        (["org/b", "--ollama", "b b"], 'write a name such as "b-b"'),
        (["org/b", "--ollama", ""], "write a name such as"),
        (["s3://bucket-1/x", "--ref", "v1"], "--ref is for repositories of the Hub"),
        (["org/b", "--rev", "v1"], "--ref is for branches and tags"),
        (["org/b", "--ref", "v1", "--rev", "a" * 40], "cannot be used together"),
        (["org/b", "--include", ""], "a pattern or --ref is empty"),
        (["org/b", "--ref", ""], "a pattern or --ref is empty"),
        (["org/b", "--type", "model2"], "'model2' is not one of"),
    ],
)
def test_wrong_usage(project: Project, args: list[str], expected: str) -> None:
    project.write(TEXT)
    done = project.run("add", *args)
    assert (done.status, done.out) == (2, "")
    assert expected in done.err
    assert text(project) == TEXT


def test_what_cannot_be_locked_is_not_added(hub: Hub, ours: Project) -> None:
    hub.add_repo("org/gated", FILES, gated="auto")
    before = {name: (ours.dir / name).read_bytes() for name in names_in(ours.dir)}
    for args in (
        ["org/missing"],
        ["org/gated"],
        ["org/b", "--ref", "nowhere"],
        ["org/b", "--include", "*.nothing"],
        ["org/b", "-o", "models.toml/x"],
        ["org/b", "org/missing"],
        ["org/b", "--ref", "a..b"],
    ):
        ours.fails("add", *args)
        assert {name: (ours.dir / name).read_bytes() for name in names_in(ours.dir)} == before


def test_other_models_are_not_locked_by_it(ours: Project) -> None:
    more = '[models.new]\nsource.huggingface = { repo = "org/missing" }\n'
    ours.write(TEXT + more)
    assert "not locked by this run: new" in ours.run("add", "org/b").err
    assert list(ours.lock) == ["a", "b"]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_form_of_the_file_stays(ours: Project, mark: str) -> None:
    there = ours.dir / "there"
    there.mkdir()
    file = there / "real.toml"
    written = mark + TEXT.replace("\n", "\r\n").rstrip()
    file.write_bytes(written.encode())
    file.chmod(0o640)
    (ours.dir / "models.toml").unlink()
    (ours.dir / "models.toml").symlink_to("there/real.toml")
    ours.ok("add", "org/b")
    assert (ours.dir / "models.toml").is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.read_bytes().decode().count("\n") == written.count("\n") + 3
    ours.ok("remove", "b")
    assert file.read_bytes().decode() == written
    assert names_in(there) == ["real.toml"]


def test_a_read_only_directory(project: Project, unprivileged: Runner) -> None:
    project.write(TEXT)
    project.dir.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": project.environment()["PYTHONPATH"]}
    for args in (["add", "org/b"], ["rename", "a", "b", "--no-lock"]):
        done = unprivileged(
            sys.executable, "-m", "aimodels_gen", *args, cwd=project.dir, env=environment
        )
        assert done.stderr == (
            "error: models.toml: Permission denied\n"
            "hint: check who owns the file and its directory\n"
        )
        assert done.returncode == 1


def test_a_manifest_that_is_no_file(project: Project) -> None:
    project.write(TEXT)
    for command in (["add", "org/b"], ["remove", "a"], ["rename", "a", "b"]):
        for manifest in ("-", "/dev/stdin"):
            said = project.fails(*command, "-m", manifest)
            assert "is not a file in a directory\nhint: save it as UTF-8 in a file such as" in said
    project.write(TEXT.replace("[models.a]", "<<<<<<< ours\n[models.a]"))
    for command in (["add", "org/b"], ["remove", "a"], ["rename", "a", "b"]):
        assert "hint: keep one side of the merge conflict" in project.fails(*command)


@cures("run `touch …` to begin an empty one")
def test_the_named_manifest_is_not_there(hub: Hub, hub_project: Project, remedy: Remedy) -> None:
    hub.add_repo("org/b", FILES)
    add = ("add", "org/b", "-m", "other models.toml", "-o", "models.nix")
    remedy(hub_project.fails(*add))
    subprocess.run(shlex.split(remedy.commands[0]), cwd=hub_project.dir, check=True)
    hub_project.ok(*add)


def test_there_is_no_manifest(hub_project: Project) -> None:
    said = hub_project.fails("add", "org/b")
    assert "there is no models.toml in this directory or above it" in said
    hub_project.follow(said)
    hub_project.ok("add", "--no-lock", "org/b")


@cures("write ORG/NAME, the URL of a page or a file, or s3://BUCKET/PREFIX")
def test_no_address(ours: Project, remedy: Remedy) -> None:
    for address in ("b:", "https://example.org/", "a b", "https://me:hunter2/x@example.org"):
        said = ours.fails("add", address)
        remedy(said)
        assert "hunter2" not in said
    ours.ok("add", "org/b")


@cures(
    "choose another --name, or run `aimodels-gen remove …` first",
    "run `aimodels-gen rename … …` to give it another name",
)
@pytest.mark.parametrize("manifest", ["models.toml", "other.toml"])
def test_another_name(hub: Hub, ours: Project, remedy: Remedy, manifest: str) -> None:
    option = [] if manifest == "models.toml" else ["-m", manifest]
    (ours.dir / "models.toml").rename(ours.dir / manifest)
    hub.add_repo("org/toml", {"x.toml": b""})
    ours.ok("add", "org/toml", "--name", "c", "--include", "x.toml", *option)
    said = ours.fails("add", "org/toml/x.toml", "--name", "d", *option)
    assert "`aimodels-gen rename c d" in said
    assert "x.toml`" not in said
    said = ours.fails("add", "org/a", "--name", "b", *option)
    remedy(said)
    ours.follow(said)
    assert "[models.b]" in (ours.dir / manifest).read_text()
    said = ours.fails("add", "org/b", "--name", "b", *option)
    remedy(said)
    ours.follow(said)
    ours.ok("add", "org/b", "--name", "b", *option)


@cures('write `pin = "…"` for …, and run `aimodels-gen lock`')
def test_another_pin(hub: Hub, hub_project: Project, remedy: Remedy) -> None:
    hub.add_repo("org/a", FILES)
    hub_project.write(TEXT.replace("# the first", 'pin = "tree"').replace(" pin", "\npin"))
    said = hub_project.fails("add", "org/a", "--pin", "files")
    pin, name = remedy(said)
    assert name == "a"
    hub_project.write(text(hub_project).replace('pin = "tree"', f'pin = "{pin}"'))
    hub_project.follow(said)
    hub_project.ok("add", "org/a", "--pin", "files")


def test_two_at_once(hub: Hub, ours: Project) -> None:
    hub.add_repo("org/c", FILES)
    command = [sys.executable, "-m", "aimodels_gen", "add", "-q"]
    both = [
        subprocess.Popen([*command, repo], cwd=ours.dir, env=ours.environment())
        for repo in ("org/b", "org/c")
    ]
    assert [one.wait(60) for one in both] == [0, 0]
    assert sorted(ours.lock) == ["a", "b", "c"]
    assert {one.name for one in load(ours.dir / "models.toml").entries} == set("abc")


@cures("add them one by one: files that are added together are one model")
def test_two_files_of_one_name(project: Project, remedy: Remedy) -> None:
    project.write("")
    urls = [f"https://example.org/{name}/x.gguf" for name in "ab"]
    remedy(project.fails("add", "--no-lock", *urls))
    for url in urls:
        project.ok("add", "--no-lock", url)
    assert "[models.x]" in text(project)
    assert "[models.x-2]" in text(project)


@cures("run this again: the change of the other one stays")
def test_another_program_edits_it_meanwhile(hub: Hub, ours: Project, remedy: Remedy) -> None:
    hub.add_repo("org/c", FILES)

    def meanwhile(_: object) -> None:
        hub.faults = lambda _: None
        ours.ok("add", "org/c", "--no-lock")

    hub.faults = meanwhile
    remedy(ours.fails("add", "org/b"))
    assert "[models.b]" not in text(ours)
    ours.ok("add", "org/b")
    assert "[models.c]" in text(ours)


@cures("edit it by hand, and run `aimodels-gen lock`")
def test_an_edit_that_goes_wrong(
    ours: Project, remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No form is known with which it does."""
    with monkeypatch.context() as broken:
        broken.setattr(edit, "add", lambda text, *_: text.replace("org/a", "org/b"))
        said = ours.fails("add", "org/b")
    remedy(said)
    assert text(ours) == TEXT
    ours.write(
        TEXT.replace("[defaults]", '[models.b]\nsource.huggingface.repo = "org/b"\n[defaults]')
    )
    ours.follow(said)


def test_a_redirection_that_fails(ours: Project) -> None:
    """The shell has emptied the file: it has the pins that there were."""
    path: Path = ours.dir / "other.nix"
    with path.open("wb") as file:
        assert ours.run_into(file, "add", "org/missing").returncode == 1
    assert "a = fetchModel" in path.read_text()
    with path.open("wb") as file:
        assert ours.run_into(file, "add", "--nope").returncode == 2
    assert "a = fetchModel" in path.read_text()
