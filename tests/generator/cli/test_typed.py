"""What people type and paste that is not quite what a command takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project
    from support.remedies import Remedy

TEXT = '[models.a]\nsource.huggingface = { repo = "org/name" }\n'


@pytest.fixture
def ours(hub: Hub, hub_project: Project) -> Project:
    """A project with a model that is locked."""
    hub.add_repo("org/name", {"config.json": b"{}", "m-Q4_K_M.gguf": b"1"})
    hub.add_repo("org/other", {"config.json": b"{}"})
    hub_project.write(TEXT)
    hub_project.ok("lock")
    return hub_project


def text(project: Project) -> str:
    return (project.dir / "models.toml").read_text()


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\n", "\n\n  "])
def test_several_addresses_in_one(ours: Project, separator: str) -> None:
    ours.ok("add", f"org/other{separator}https://huggingface.co/org/name/tree/main{separator}")
    assert list(ours.lock) == ["a", "other"]


@pytest.mark.parametrize(
    "call",
    [
        'hf_hub_download("org/name", "config.json")',
        'p = hf_hub_download("org/name", filename="config.json")',
        'huggingface_hub.hf_hub_download(repo_id="org/name", filename="config.json")',
    ],
)
def test_a_call_for_one_file(ours: Project, call: str) -> None:
    ours.ok("add", call, "--name", "b")
    assert list(ours.files("b")) == ["config.json"]


@cures(
    "add the repository or URL that it is from; `aimodels-gen import` then takes the files",
    "add the models of the collection, each as ORG/NAME",
    "add the model's repository on the Hub instead, such as ORG/NAME-GGUF:Q4_K_M",
)
def test_what_has_no_models(ours: Project, remedy: Remedy) -> None:
    for address in (
        "./m.gguf",
        "~/models/m.gguf",
        "C:\\models\\m.gguf",
        "file:///m.gguf",
        "https://huggingface.co/collections/org/best-1",
        "ollama run llama3",
        "https://ollama.com/library/llama3",
    ):
        remedy(ours.fails("add", address))
    assert text(ours) == TEXT
    ours.ok("add", "org/name:Q4_K_M")


def test_case_of_a_quantisation(ours: Project) -> None:
    ours.ok("add", "org/name:q4_k_m")
    said = ours.fails("add", "org/name:Q4_K_S", "--name", "other")
    assert said.endswith('hint: did you mean quant = "Q4_K_M"? it has Q4_K_M\n')


def test_a_manifest_in_the_place_of_an_address(ours: Project) -> None:
    said = ours.run("add", "org/other", "models.toml")
    assert said.status == 2
    assert "models.toml is a manifest, not an address: write `-m models.toml`\n" in said.err
    ours.ok("add", "org/other", "-m", "models.toml")


def test_options_that_contradict(ours: Project) -> None:
    done = ours.run("add", "org/other", "--no-lock", "--prefetch")
    assert done.status == 2
    assert "--prefetch needs a lock: leave out --no-lock" in done.err


def test_edits_have_no_keep_going(ours: Project) -> None:
    assert "keep-going" not in ours.fails("add", "org/other", "org/none")


@cures("write the name of the model that is from there: …")
def test_an_address_in_the_place_of_a_name(ours: Project, remedy: Remedy) -> None:
    for address in ("org/name", "https://huggingface.co/org/name"):
        (name,) = remedy(ours.fails("remove", address))
        ours.fails("rename", address, "b")
    assert "it has a" in ours.fails("remove", "org/none")
    ours.ok("remove", name)


@cures("write its name in …, or run `aimodels-gen add …` to add it")
def test_an_address_in_the_place_of_a_manifest(ours: Project, remedy: Remedy) -> None:
    said = ours.fails("update", "org/other")
    remedy(said)
    ours.follow(said)
    ours.ok("update", "other")
    assert "there is no missing.toml" in ours.fails("lock", "missing.toml")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("rm", "remove"), ("install", "add"), ("download", "prefetch"), ("check", "lock --check")],
)
def test_a_command_of_other_programs(project: Project, typed: str, meant: str) -> None:
    done = project.run(typed, "x")
    assert done.status == 2
    assert f"did you mean `aimodels-gen {meant}`?" in done.err
    assert project.run(*meant.split(), "--help").status == 0


def test_the_hint_of_a_wrong_option_names_no_manifest(project: Project) -> None:
    assert "see `aimodels-gen remove --help`\n" in project.run("remove", "x", "-m", "sub", "-z").err


def test_a_lock_in_the_place_of_its_manifest(ours: Project) -> None:
    for command in ("update", "outdated", "lock", "list"):
        ours.ok(command, "models.lock")
    assert "there is no other.toml" in ours.fails("update", "./other.lock")


@cures("leave it out, and set HF_TOKEN or run `hf auth login`")
def test_a_token_in_the_place_of_an_address(hub: Hub, ours: Project, remedy: Remedy) -> None:
    token = f"hf_{'aB3' * 11}a"
    hub.clear()
    for address in (token, f"{token}/", f"hf://{token}"):
        for more in ((), ("--no-lock",)):
            said = ours.fails("add", address, *more)
            remedy(said)
            assert token not in said
    assert hub.log == []
    assert token not in ours.fails("add", f'login(token="{token}")')
    assert text(ours) == TEXT
    ours.ok("add", f"hf download org/other --token {token}")
    assert token not in text(ours)
