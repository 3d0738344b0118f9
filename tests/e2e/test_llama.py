"""llama.cpp on models of ours: offline, as another user, from a read-only store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from aimodels_engines.quants import matching
from aimodels_linker.cli import main as linker
from support import ggufs
from support.expressions import fetch_model, files_pin, got
from support.hub import Hub
from support.linker import contents
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from support.hub import Repo
    from support.llama_server import Llama
    from support.nix import NixEnv

QUANTS, SHARDS, VISION = (
    "Qwen/Qwen3-8B-GGUF",
    "unsloth/Qwen3-235B-A22B-GGUF",
    "ggml-org/gemma-3-4b-it-GGUF",
)
FILTERED, URL = "org/Filtered-1.5-GGUF", "my-org/llama-gguf"
SHARD = "UD-Q4_K_XL/Qwen3-235B-A22B-UD-Q4_K_XL-0000{}-of-00002.gguf"
FILES: Mapping[str, Mapping[str, bytes]] = {
    QUANTS: {
        "README.md": b"# Qwen3",
        "Qwen3-8B-Q4_K_M.gguf": ggufs.llama("Q4_K_M"),
        "Qwen3-8B-Q8_0.gguf": ggufs.llama("Q8_0", seed=1),
    },
    SHARDS: {
        SHARD.format(number): content
        for number, content in enumerate(ggufs.llama_shards(2), start=1)
    },
    VISION: {
        "gemma-3-4b-it-Q4_K_M.gguf": ggufs.llama("Q4_K_M"),
        "mmproj-model-f16.gguf": ggufs.mmproj(),
    },
    FILTERED: {
        "Filtered-1.5-IQ4_XS.gguf": ggufs.llama("IQ4_XS", seed=2),
        "Filtered-1.5-Q8_0.gguf": ggufs.llama("Q8_0", seed=3),
    },
}
CACHED = {
    f"{QUANTS}:Q4_K_M",
    f"{QUANTS}:Q8_0",
    # The part of the name that llama.cpp takes for the quantisation.
    f"{SHARDS}:Q4_K_XL",
    f"{VISION}:Q4_K_M",
    f"{FILTERED}:IQ4_XS",
}
# What of each model goes into the directory for `--models-dir`.
DIRECTORIES = {
    QUANTS: '"large.gguf" = "Qwen3-8B-Q8_0.gguf"; "small.gguf" = "Qwen3-8B-Q4_K_M.gguf"',
    SHARDS: '"Qwen3-235B-A22B/" = "*.gguf"',
    VISION: '"gemma-3/" = "*.gguf"',
}
HUBS = ("cache", "home", "link", "directory", "copy")


@dataclass(frozen=True)
class Models:
    """Entries in a store, and directories in which llama.cpp finds them.

    Args:
        expressions: The model of each repository, as a Nix expression.
        hubs: For each kind of directory, the variables that name it.
    """

    nix: NixEnv
    expressions: Mapping[str, str]
    hubs: Mapping[str, Mapping[str, str]]

    def list(self, repos: Iterable[str]) -> str:
        """Return some of the models, as the elements of a list."""
        return " ".join(f"({self.expressions[repo]})" for repo in repos)

    def path(self, repo: str, attribute: str) -> str:
        """Return a path that is an attribute of a model."""
        value = self.nix.eval(f"({self.expressions[repo]}).{attribute}")
        assert isinstance(value, str)
        return value


@pytest.fixture(scope="module")
def models(llama: Llama) -> Iterator[Models]:
    """The models, whose Hub is gone; nothing of them may change meanwhile."""
    nix = llama.nix
    with Hub() as hub:
        repos = {name: hub.add_repo(name, files) for name, files in FILES.items()}
        expressions = {
            **{name: files_pin(hub, repos[name], _directory(name)) for name in DIRECTORIES},
            FILTERED: _filtered(nix, hub, repos[FILTERED]),
            URL: _url(hub, repos[QUANTS]),
        }
        cache = nix.build(
            "(import ./nix).integration.mkCache"
            ' (import ./tests/nix/pkgs { system = "x86_64-linux"; })'
            f" [ {' '.join(f'({each})' for each in expressions.values())} ]"
        )
        whole = nix.build(f"({expressions[QUANTS]}).copied")
    copies = nix.real / "copies"
    copies.mkdir()
    (copies / "models--Qwen--Qwen3-8B-GGUF").symlink_to(whole)
    hubs = {
        "cache": {"HF_HUB_CACHE": str(cache / "hub")},
        "home": {"HF_HOME": str(cache)},
        **{mode: _linked(nix, cache / "hub", mode) for mode in ("link", "directory")},
        "copy": {"HF_HUB_CACHE": str(copies)},
    }
    before = contents(nix.real / "store")
    yield Models(nix, expressions, hubs)
    there = {path.partition("/")[0] for path in before}
    after = contents(nix.real / "store").items()
    assert {path: node for path, node in after if path.partition("/")[0] in there} == before


def _directory(name: str) -> str:
    return f"integration.directory.llama = {{ {DIRECTORIES[name]}; }};"


def _filtered(nix: NixEnv, hub: Hub, repo: Repo) -> str:
    def expression(tree: str) -> str:
        return fetch_model(hub, repo, f'hash = "{tree}"; include = [ "*IQ4_XS*" ];')

    return expression(got(nix, expression("")))


def _url(hub: Hub, repo: Repo) -> str:
    content = FILES[QUANTS]["Qwen3-8B-Q8_0.gguf"]
    url = f"{hub.url}/{repo.id}/resolve/{repo.sha}/Qwen3-8B-Q8_0.gguf"
    return (
        "(import ./nix).fetchModel"
        ' (import ./tests/nix/pkgs { system = "x86_64-linux"; }) {'
        f' name = "m"; source.url.files."model.gguf" = "{url}";'
        f' files."model.gguf" = {{ hash = "{sri(content)}"; size = {len(content)}; }};'
        ' integration.huggingface = { org = "my-org"; model = "llama-gguf"; }; }'
    )


def _linked(nix: NixEnv, cache: Path, mode: str) -> dict[str, str]:
    """Link all models as the modules do."""
    directory = nix.real / mode
    directory.mkdir()
    spec = {
        "version": 1,
        "store": str(nix.store),
        "hub": str(directory / "hub"),
        "state": str(directory / "state.json"),
        "mode": mode,
        "option": "services.ai-models",
        "offline": True,
        "entries": {
            entry.name: {"name": entry.name, "path": str(entry.resolve())}
            for entry in cache.iterdir()
        },
    }
    (directory / "spec.json").write_text(json.dumps(spec))
    assert linker(["link", str(directory / "spec.json")]) == 0
    return {"HF_HUB_CACHE": str(directory / "hub")}


@pytest.mark.parametrize("hub", HUBS)
def test_a_router_over_the_cache(llama: Llama, models: Models, tmp_path: Path, hub: str) -> None:
    """It has each quantisation of each entry, and so has the list on the command line."""
    names = {name for name in CACHED if hub != "copy" or name.startswith(QUANTS)}
    listed = llama.run("llama-server", "--cache-list", env=models.hubs[hub]).stdout
    assert {line.split()[-1] for line in listed.splitlines()[1:]} == names
    with llama.serve(tmp_path, "--offline", env=models.hubs[hub]) as server:
        assert server.models() == names
        server.complete(f"{QUANTS}:Q8_0")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (QUANTS, "Qwen3-8B-Q4_K_M.gguf"),
        (f"{QUANTS}:q8_0", "Qwen3-8B-Q8_0.gguf"),
        (f"{SHARDS}:UD-Q4_K_XL", SHARD.format(1)),
        (f"{SHARDS}:Q4_K_XL", SHARD.format(1)),
        (SHARDS, SHARD.format(1)),
        (VISION, "gemma-3-4b-it-Q4_K_M.gguf"),
        (f"{FILTERED}:IQ4_XS", "Filtered-1.5-IQ4_XS.gguf"),
        # Not in the list: its name has no quantisation.
        (URL, "model.gguf"),
    ],
)
@pytest.mark.parametrize("hub", ["cache", "directory"])
def test_names(  # noqa: PLR0913, PLR0917 (two parameters of a case)
    llama: Llama, models: Models, tmp_path: Path, hub: str, name: str, file: str
) -> None:
    """`-hf` picks the file, all of its shards, and the projector beside it."""
    with llama.serve(tmp_path, "-hf", name, "--offline", env=models.hubs[hub]) as server:
        properties = server.get("/props")
        assert properties["model_path"].endswith(f"/{file}")
        assert properties["modalities"]["vision"] is (name == VISION)
        server.complete()


# Names of files, each with the quantisation by which it is pinned.
FOUND = {
    "qwen2.5-7b-instruct-q4_k_m.gguf": "Q4_K_M",
    "llama-2-7b.Q4_K_M.gguf": "q4_k_m",
    "model_q4_k_s.gguf": "Q4_K_S",
    "model.i1-IQ3_XXS.gguf": "i1-IQ3_XXS",
    "gpt-oss-20b-MXFP4_MOE.gguf": "MXFP4_MOE",
    "name-Q4_K_M-imat.gguf": "Q4_K_M",
}
# llama.cpp wants a dash or a dot after the quantisation.
NOT_FOUND = {"Q4_K_M/model.gguf": "Q4_K_M", "name-Q8_0_v2.gguf": "Q8_0"}


def test_names_of_files(llama: Llama, tmp_path: Path) -> None:
    """llama.cpp finds what `quant` pins, or else takes the name of the file."""
    hub = llama.nix.real / "names"
    for number, path in enumerate([*FOUND, *NOT_FOUND]):
        entry = hub / f"models--org--{number}"
        file = entry / "snapshots" / ("0" * 40) / path
        file.parent.mkdir(parents=True)
        file.write_bytes(ggufs.llama())
        (entry / "refs").mkdir()
        (entry / "refs/main").write_text("0" * 40)
    env = {"HF_HUB_CACHE": str(hub)}
    for number, (path, quant) in enumerate([*FOUND.items(), *NOT_FOUND.items()]):
        assert len(matching([path], quant)) == 1
        name = ["-hf", f"org/{number}:{quant}"]
        if path in NOT_FOUND:
            done = llama.run("llama-server", *name, "--offline", env=env)
            assert "no GGUF files found" in done.stderr
            name = ["-hf", f"org/{number}", "-hff", path]
        with llama.serve(tmp_path, *name, "--offline", env=env) as server:
            assert server.get("/props")["model_path"].endswith(f"/{path}")


def test_a_quantisation_that_the_entry_does_not_have(llama: Llama, models: Models) -> None:
    done = llama.run(
        "llama-server", "-hf", f"{FILTERED}:Q8_0", "--offline", env=models.hubs["cache"]
    )
    assert done.returncode != 0
    assert f"no GGUF files found in repository {FILTERED}" in done.stderr


def test_without_offline(llama: Llama, models: Models, tmp_path: Path) -> None:
    """It asks the Hub, and falls back to the entry, to which it may not write."""
    with llama.serve(tmp_path, "-hf", QUANTS, env=models.hubs["cache"]) as server:
        server.complete()


def test_another_cache(llama: Llama, models: Models, tmp_path: Path) -> None:
    """What the page says of services.llama-cpp: this variable precedes all others."""
    env = {**models.hubs["cache"], "LLAMA_CACHE": "/nonexistent"}
    listed = llama.run("llama-server", "-cl", env=env)
    assert listed.stdout == "number of models in cache: 0\n"
    env = {"HF_HOME": "/nonexistent", "LLAMA_CACHE": models.hubs["cache"]["HF_HUB_CACHE"]}
    with llama.serve(tmp_path, "-hf", QUANTS, "--offline", env=env) as server:
        server.complete()


def test_paths(llama: Llama, models: Models, tmp_path: Path) -> None:
    """Of a file, of a first shard beside the others, and of a projector."""
    file = models.path(QUANTS, 'modelFiles."Qwen3-8B-Q8_0.gguf"')
    shard = models.path(SHARDS, f'modelFiles."{SHARD.format(1)}"')
    model, projector = (models.path(VISION, f'modelFiles."{name}"') for name in FILES[VISION])
    for arguments in (["-m", file], ["-m", shard], ["-m", model, "--mmproj", projector]):
        with llama.serve(tmp_path, *arguments, "--offline") as server:
            assert server.get("/props")["modalities"]["vision"] is ("--mmproj" in arguments)
            server.complete()


def test_a_directory(llama: Llama, models: Models, tmp_path: Path) -> None:
    """`--models-dir` takes files, and directories with shards or with a projector."""
    directory = llama.nix.build(
        'let pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; };'
        " in (import ./nix).integration.mkDirectory pkgs"
        f' {{ directory = "llama"; models = [ {models.list(DIRECTORIES)} ]; }}'
    )
    with llama.serve(tmp_path, "--models-dir", directory, "--offline") as server:
        assert server.models() == {"large", "small", "Qwen3-235B-A22B", "gemma-3"}
        server.complete("Qwen3-235B-A22B")
        server.complete("gemma-3")
        assert server.get("/props?model=gemma-3")["modalities"]["vision"]


def test_a_shard_alone(llama: Llama, models: Models) -> None:
    """It looks for the others beside it, where a file's own store path has none."""
    shard = models.path(SHARDS, f'blobs."{SHARD.format(1)}"')
    done = llama.run("llama-server", "-m", shard, "--offline", "--port", "0")
    assert done.returncode != 0
    assert f"failed to open GGUF file '{shard.replace('00001-of', '00002-of')}'" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("llama-cli", "--offline", "-st", "-p", "a", "-n", "4"),
        ("llama-completion", "--offline", "-no-cnv", "-p", "a", "-n", "4"),
        ("llama-bench", "--offline", "-p", "4", "-n", "4", "-r", "1"),
    ],
    ids=lambda command: command[0],
)
def test_other_programs(llama: Llama, models: Models, command: tuple[str, ...]) -> None:
    program, *options = command
    done = llama.run(program, "-hf", f"{QUANTS}:Q8_0", *options, env=models.hubs["cache"])
    assert done.returncode == 0, done.stderr
