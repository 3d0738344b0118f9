"""`mkImage`: images of models, in a real registry."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support import nix as nixes
from support import tinyllama
from support.expressions import LIBRARY, bundle_pin, fetch_model, got
from support.fake_repo import BigFile, chunks, sha256
from support.hub import Hub
from support.nix import NixError
from support.oci import Oci, OciRegistry
from support.remedies import cure, cures
from support.unprivileged import prefix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Runner
    from support.fake_repo import Content
    from support.hub import Repo
    from support.nix import NixEnv
    from support.remedies import Remedy

SHARDS = 30
SIZE = 2 << 20


def revision(changed: int | None = None) -> dict[str, Content]:
    """Return the files of a model, with another content in one of its shards."""
    names = [f"model-{number:05}-of-{SHARDS:05}.safetensors" for number in range(1, SHARDS + 1)]
    shards = {
        name: BigFile(SIZE, seed=100 if number == changed else number)
        for number, name in enumerate(names)
    }
    return {**shards, "config.json": b"{}", "sub/vocab.txt": b"a\nb\n"}


def expression(models: str, arguments: str = "") -> str:
    return f"{LIBRARY} integration.mkImage pkgs {{ models = {models}; {arguments} }}"


class Models:
    """Models in a store, that nobody has to download."""

    def __init__(self, nix: NixEnv, hub: Hub, directory: Path) -> None:
        self.nix = nix
        self.hub = hub
        self.directory = directory
        self.repos: dict[str, Repo] = {}

    def pin(self, repo: Repo, arguments: str = "") -> str:
        """Put the large files of a repository into the store, and return its expression."""
        self.repos[repo.id] = repo
        files = []
        for path, content in repo.files.items():
            if path.endswith(".safetensors"):
                file = self.directory / path
                file.write_bytes(b"".join(chunks(content)))
                files.append(file)
        self.nix.run("nix-store", "--add-fixed", "sha256", *files)
        return bundle_pin(self.hub, repo, arguments)

    def image(self, models: str, arguments: str = "") -> Path:
        """Build an image of `[ … ]`, and return its program."""
        (program,) = (self.nix.build(expression(models, arguments)) / "bin").iterdir()
        return program

    def to_build(self, models: str) -> list[str]:
        """Return the names of what is built for an image of `[ … ]`, and is not there yet."""
        said = self.nix.run("nix-build", "--dry-run", "-E", expression(models)).stderr
        paths = [line.strip() for line in said.splitlines() if line.endswith(".drv")]
        return [path.rpartition("/")[2].partition("-")[2] for path in paths]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    with nixes.available("host") as nix, Hub() as hub:
        yield Models(nix, hub, tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def oci(tmp_path_factory: pytest.TempPathFactory) -> Oci:
    return Oci(tmp_path_factory.mktemp("bin"))


@pytest.fixture
def registry(oci: Oci, tmp_path: Path) -> Iterator[OciRegistry]:
    with OciRegistry(oci, tmp_path) as server:
        yield server


# The registry of tests has no certificate.
PLAIN = "--dest-tls-verify=false"


def test_a_second_revision_moves_its_changed_layers_only(
    models: Models, oci: Oci, registry: OciRegistry
) -> None:
    repo = models.hub.add_repo("org/model", revision(), lfs=["*.safetensors"])
    to = f"docker://{registry.url}/models/m"
    first = models.image(f"[ ({models.pin(repo)}) ]")
    said = oci.run(first, "copy", f"{to}:v1", PLAIN).stdout
    assert f"in {SHARDS + 1} layers; 0 bytes in 0 layers were there" in said
    before = registry.blobs()
    repo.commit(revision(changed=7))
    pin = models.pin(repo)
    # Files that are in the first image are not read again.
    assert sorted(models.to_build(f"[ ({pin}) ]")) == [
        *("m-image.drv", "m.drv", f"model-00008-of-{SHARDS:05}.safetensors-layer.drv")
    ]
    second = models.image(f"[ ({pin}) ]")
    said = oci.run(second, "copy", f"{to}:v2", PLAIN).stdout
    assert f"in 2 layers; 58.1 MiB in {SHARDS - 1} layers were there" in said
    after = registry.blobs()
    new = {digest: size for digest, size in after.items() if digest not in before}
    # A shard, links and small files, the configuration and the manifest.
    assert len(new) == 4
    assert sum(new.values()) <= 0.035 * sum(before.values())
    # Layers are stored as they were made, and nothing was compressed.
    assert sum(size > SIZE for size in after.values()) == SHARDS + 1
    assert oci.run(second, "copy", f"{to}:v2", PLAIN).stdout.startswith(
        f"{next(iter(new.keys() & _digests(second)))}: sent 0 bytes in 0 layers;"
    )


def _digests(program: Path) -> set[str]:
    """Return the digest of an image's manifest."""
    content = (program.parent.parent / "image/manifest.json").read_bytes()
    return {f"sha256:{sha256(content)}"}


@pytest.fixture(scope="module")
def llama(models: Models) -> str:
    """A model that transformers loads, of which one file is large."""
    repo = models.hub.add_repo(tinyllama.REPO, tinyllama.files(20_000), lfs=["*.safetensors"])
    return models.pin(repo)


LOAD = (
    "from transformers import AutoModelForCausalLM as A;"
    f" print(A.from_pretrained('{tinyllama.REPO}').config.vocab_size)"
)


def unpack(oci: Oci, image: Path, directory: Path, *, user: int = 0) -> Path:
    """Unpack an image as a runtime does, and return the root file system."""
    layout = directory / "layout"
    oci.run(image, "copy", f"oci:{layout}:v1")
    for path in (directory, *directory.parents[:-2]):
        path.chmod(0o777)
    as_user = [*prefix(user), "umoci", "unpack", "--rootless"] if user else ["umoci", "unpack"]
    bundle = directory / f"bundle-{user}"
    oci.run(*oci.inside(*as_user, "--image", f"{layout}:v1", bundle))
    return bundle / "rootfs"


def test_an_image_loads_where_it_is_unpacked(
    models: Models, oci: Oci, llama: str, unprivileged: Runner, tmp_path: Path
) -> None:
    image = models.image(f"[ ({llama}) ]")
    root = unpack(oci, image, tmp_path)
    layers = json.loads((image.parent.parent / "image/manifest.json").read_bytes())["layers"]
    assert len(layers) == 2
    assert {path.name for path in (root / "models").iterdir()} == {".blobs", "hub"}
    env = {"HF_HOME": str(root / "models"), "HF_HUB_OFFLINE": "1"}
    loaded = unprivileged(sys.executable, "-W", "ignore", "-c", LOAD, env=env)
    assert loaded.stdout == "20000\n", loaded.stderr
    # Runtimes of users unpack it, too.
    again = unpack(oci, image, tmp_path, user=65534)
    assert sum(path.is_file() for path in again.rglob("*")) == sum(
        path.is_file() for path in root.rglob("*")
    )


def test_the_files_of_a_model_are_where_kserve_looks(
    models: Models, oci: Oci, llama: str, tmp_path: Path
) -> None:
    """KServe mounts `/models` of the image at `/mnt/models`, or has its own program link to it."""
    arguments = 'layout = "files"; programs = pkgs.pkgsStatic.busybox;'
    image = models.image(f"[ ({llama}) ]", arguments)
    root = unpack(oci, image, tmp_path)
    (tmp_path / "mnt").symlink_to(root / "models")
    for path, content in tinyllama.files(20_000).items():
        assert (tmp_path / "mnt" / path).read_bytes() == content
    said = subprocess.run(["chroot", root, "/bin/sh", "--version"], check=True, capture_output=True)
    assert b"ldconfig" in said.stdout


# Without them podman does not run in a container or with the control groups of version 1.
IN_PODMAN = (
    "mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null; exec podman --cgroup-manager=cgroupfs"
    " --events-backend=file run --rm --network=none --cgroups=disabled --user=65534"
)


def test_podman_mounts_an_image(models: Models, oci: Oci, llama: str) -> None:
    image = models.image(f"[ ({llama}) ]")
    podman = ("podman", "--cgroup-manager=cgroupfs", "--events-backend=file")
    loaded = oci.run("sh", "-c", f"{image} stream | {' '.join(podman)} load")
    assert "localhost/m:latest" in loaded.stdout
    for mount, home in (
        ("destination=/mnt", "/mnt/models"),
        ("destination=/m,subpath=/models", "/m"),
    ):
        weights = f"{home}/hub/models--*/snapshots/*/model.safetensors"
        script = f"sha256sum {weights}; echo x > {home}/x"
        run = f'{IN_PODMAN} --mount type=image,source=m,{mount} --rootfs /:O sh -c "{script}"'
        done = oci.run(*oci.inside("sh", "-c", run), check=False)
        if "OCI runtime error" in done.stderr and not done.stdout:
            pytest.skip(f"podman runs no containers here: {done.stderr.strip()}")
        digest, _, path = done.stdout.partition("  ")
        assert digest == sha256(tinyllama.files(20_000)["model.safetensors"])
        assert path.startswith(home)
        assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr


def test_both_nixes_make_the_same_image(models: Models, llama: str) -> None:
    first = models.nix.build(expression(f"[ ({llama}) ]"))
    with nixes.available("forky", seen_at=models.nix.dir) as forky:
        other = Models(forky, models.hub, models.directory)
        other.pin(models.repos[tinyllama.REPO])
        second = forky.build(expression(f"[ ({llama}) ]"))
        assert first.name == second.name
        for name in ("manifest.json", "config.json", "image.json"):
            assert (first / "image" / name).read_bytes() == (second / "image" / name).read_bytes()


def test_pins_of_all_kinds_have_the_same_layers(models: Models, llama: str) -> None:
    """A tree has no derivations of files: its image reads them."""
    repo = models.repos[tinyllama.REPO]
    right = got(models.nix, fetch_model(models.hub, repo, 'hash = "";', f'rev = "{repo.sha}";'))
    tree = fetch_model(models.hub, repo, f'hash = "{right}";', f'rev = "{repo.sha}";')
    manifests = [
        (models.image(f"[ ({model}) ]").parent.parent / "image/manifest.json").read_bytes()
        for model in (llama, tree, f"({llama}).copied")
    ]
    assert len(set(manifests)) == 1
    plain = "integration.huggingface.enable = false;"
    files = models.image(f"[ ({llama[:-1]} {plain} }}) ]", 'layout = "files";')
    assert files.parent.parent.name.endswith("-image")


def test_an_image_stores_nothing_twice_and_keeps_its_files(models: Models, llama: str) -> None:
    image = models.image(f"[ ({llama}) ]").parent.parent
    assert sum(path.stat().st_size for path in image.rglob("*") if path.is_file()) < 20_000
    command = ("nix-store", "--query", "--requisites", models.nix.store / image.name)
    names = {
        line.rpartition("/")[2].partition("-")[2]
        for line in models.nix.run(*command).stdout.split()
    }
    assert {"model.safetensors", "bundle", "ai-models-images"} <= names
    assert "model.safetensors-layer" in names  # the next image does not read the file again
    # Builds read files; who only copies the image does not need what they needed.
    assert "ai-models-layers" not in names


@cures(
    "nix-ai-models: the first argument of integration.mkImage is nixpkgs: "
    "write `mkImage pkgs { models = …; }`"
)
def test_nixpkgs_comes_first(models: Models, remedy: Remedy) -> None:
    for arguments, right in (("{ models = [ ]; } pkgs", False), ("pkgs { models = [ ]; }", True)):
        name = f"{LIBRARY} (integration.mkImage {arguments}).name"
        if right:
            assert models.nix.eval(name) == "models-image"
        else:
            with pytest.raises(NixError) as caught:
                models.nix.eval(name)
            remedy(str(caught.value))


MODELS = '[ (model "x") (model "y") ]'
RIGHT = {"models": MODELS, "name": '"m"', "tag": '"v1"'}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        cure(
            "`maxLayers` is …: write a number from 4 to …", {"maxLayers": "3"}, {"maxLayers": "4"}
        ),
        cure(
            "`name = …` has a tag: write `name = …; tag = …;`",
            {"name": '"registry.example.org:5000/team/m:v1"'},
            {"name": '"registry.example.org:5000/team/m"', "tag": '"v1"'},
        ),
        cure(
            "`programs` must be a package: write `programs = pkgs.pkgsStatic.busybox`",
            {"programs": "[ pkgs.cacert ]"},
            {"programs": "pkgs.cacert"},
        ),
        cure(
            "`tag = …` is not a tag: use at most 128 letters, digits and . _ -",
            {"tag": '"-v1+x"'},
            {"tag": '"v1-x"'},
        ),
        cure(
            '`layout = "files"` takes one model, but `models` has …: write an image for each',
            {"layout": '"files"'},
            {"layout": '"files"', "models": '[ (model "x") ]'},
        ),
        cure(
            "`name = …` is not a name of an image: write `name = …`, in lower case",
            {"name": '"Org/My Model"'},
            {"name": '"org/my-model"'},
        ),
        cure(
            "`name = …` is not a name of an image: write `name = …`, in lower case",
            {"name": '"…"'},
            {"name": '"models"'},
        ),
    ],
)
def test_wrong_arguments_say_what_to_do(
    models: Models, remedy: Remedy, wrong: dict[str, str], right: dict[str, str]
) -> None:
    def evaluate(changes: dict[str, str]) -> str:
        given = {**RIGHT, **changes}
        arguments = "".join(f"{name} = {value};" for name, value in given.items())
        image = f"{LIBRARY} (integration.mkImage pkgs {{ {arguments} }}).drvPath"
        return str(models.nix.eval(image))

    with pytest.raises(NixError) as caught:
        evaluate(wrong)
    assert "nix-ai-models: integration.mkImage: " in str(caught.value)
    remedy(str(caught.value))
    for value in right.values():
        # What is written is what the message shows, where it shows a line.
        assert "name" not in right or value in str(caught.value)
    assert evaluate(right).endswith("-image.drv")
