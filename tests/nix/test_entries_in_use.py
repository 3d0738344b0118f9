"""Programs of root, online, when `main` has moved: our examples keep the store whole."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.expressions import LIBRARY, files_pin

if TYPE_CHECKING:
    import subprocess

    from support.hub import Hub
    from support.nix import NixEnv

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can write to the store")

HUB = (
    "import pathlib, huggingface_hub as h;"
    "print((pathlib.Path(h.snapshot_download('org/model')) / 'config.json').read_text()[-5:-2])"
)
TRANSFORMERS = "import transformers as t; print(t.AutoConfig.from_pretrained('org/model').version)"
NAME = "models--org--model"
OLD, NEW = (b'{"model_type": "bert", "version": "%s"}' % version for version in (b"old", b"new"))
OFFLINE = {"HF_HUB_OFFLINE": "1"}


class Model:
    """A model in the store, of which the Hub has a newer commit."""

    def __init__(self, nix: NixEnv, hub: Hub, home: Path) -> None:
        self.nix, self.hub, self.home = nix, hub, home
        repo = hub.add_repo("org/model", {"config.json": OLD})
        self.expression = files_pin(hub, repo)
        self.path = nix.build(self.expression)
        self.linked = nix.build(f"({self.expression}).linked")
        repo.commit({"config.json": NEW})

    def load(
        self, *launcher: str | Path, program: str = HUB, **env: str
    ) -> subprocess.CompletedProcess[str]:
        command = [*launcher, sys.executable, "-c", program]
        settings = {"HF_HOME": str(self.home), "HF_ENDPOINT": self.hub.url, **env}
        return self.nix.run(*command, check=False, env=settings)

    def cache(self, *arguments: str, hub: Path) -> str:
        """Run `hf cache`; return what it prints."""
        hf = Path(sys.executable).with_name("hf")
        return self.nix.run(hf, "cache", *arguments, env={"HF_HUB_CACHE": str(hub)}).stdout

    def script(self, text: str) -> tuple[str, ...]:
        """Return what runs a program after these commands, in which $LINK is the entry's place."""
        (self.home / "hub").mkdir(parents=True, exist_ok=True)
        link = self.home / "hub" / NAME
        return "unshare", "--mount", "sh", "-euc", f'LINK={link}; {text}; exec "$@"', "sh"

    @property
    def whole(self) -> bool:
        verify = ("nix-store", "--verify-path", self.path, self.linked)
        return self.nix.run(*verify, check=False).returncode == 0


@pytest.fixture
def model(host_nix: NixEnv, hub: Hub, tmp_path: Path) -> Model:
    return Model(host_nix, hub, tmp_path / "home")


@pytest.mark.parametrize("program", [HUB, TRANSFORMERS], ids=["huggingface_hub", "transformers"])
def test_offline(model: Model, program: str) -> None:
    link = model.script(f'ln -sfT {model.path} "$LINK"')
    done = model.load(*link, program=program, **OFFLINE)
    assert (done.returncode, done.stdout) == (0, "old\n"), done.stderr
    assert model.whole
    # Online, the store is damaged. Otherwise these tests would prove nothing.
    done = model.load(*link, program=program)
    assert (done.returncode, done.stdout) == (0, "new\n"), done.stderr
    assert not model.whole


@pytest.mark.parametrize("env", [OFFLINE, {}], ids=["offline", "online"])
def test_a_volume_of_mkcontainervolumes(model: Model, env: dict[str, str]) -> None:
    (volume,) = model.nix.eval(
        f"{LIBRARY} integration.mkContainerVolumes {{ models = [ ({model.expression}) ];"
        f' home = "{model.home}"; }}'
    )
    source, target, mode = volume.split(":")
    assert (source, target, mode) == (str(model.path), f"{model.home}/hub/{NAME}", "ro")
    mount = f'mkdir -p "$LINK"; mount --bind {source} "$LINK"; mount -o remount,{mode},bind "$LINK"'
    done = model.load(*model.script(mount), **env)
    assert done.returncode == (0 if env else 1)
    assert done.stdout == ("old\n" if env else "")
    assert model.whole


@pytest.mark.parametrize("helper", ["mkShellHook", "mkLinkScript"])
def test_a_shell(model: Model, helper: str) -> None:
    arguments = {
        "mkShellHook": f"models = [ ({model.expression}) ];",
        "mkLinkScript": f'model = {model.expression}; cacheDir = "$HF_HOME/hub";',
    }
    text = model.nix.eval(f"{LIBRARY} integration.{helper} {{ {arguments[helper]} }}")
    done = model.load("sh", "-euc", f'{text}\nexec "$@"', "sh")
    if helper == "mkShellHook":
        assert (done.returncode, done.stdout, done.stderr) == (0, "old\n", "")
    else:
        # It sets no variables, and says which one protects the store.
        assert done.stderr.startswith("nix-ai-models: as root, ")
        remedy = dict([done.stderr.splitlines()[0].rpartition("set ")[2].split("=")])
        model.nix.run("nix-store", "--repair-path", model.path)
        assert model.load(**remedy).stdout == "old\n"
    assert model.whole


def test_a_kernel_is_found_by_huggingface_hub(host_nix: NixEnv, hub: Hub, tmp_path: Path) -> None:
    repo = hub.add_repo("org/kernel", {"build/x/__init__.py": b"1"}, repo_type="kernel")
    expression = files_pin(hub, repo).replace('endpoint = "', 'repoType = "kernel"; endpoint = "')
    entry = host_nix.build(expression)
    name = host_nix.eval(f"({expression}).hfCachePath")
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / name).symlink_to(entry)
    code = (
        "import huggingface_hub as h; print(h.snapshot_download('org/kernel', repo_type='kernel'))"
    )
    env = {"HF_HOME": str(tmp_path), **OFFLINE}
    done = host_nix.run(sys.executable, "-c", code, env=env)
    assert done.stdout.rstrip() == f"{tmp_path}/hub/kernels--org--kernel/snapshots/{repo.sha}"


@pytest.mark.parametrize("arguments", [("prune", "--yes"), ("rm", "model/org/model", "--yes")])
def test_hf_cache(model: Model, arguments: tuple[str, ...]) -> None:
    """Of a link it removes the link; a cache in the store it changes, as docs/shells.md warns."""
    hub = model.home / "hub"
    hub.mkdir(parents=True)
    (hub / NAME).symlink_to(model.path)
    assert re.search(r"model/org/model .*\b[5-9]\d years ago", model.cache("ls", hub=hub))
    model.cache(*arguments, hub=hub)
    assert (hub / NAME).is_symlink() is (arguments[0] == "prune")
    cache = model.nix.build(f"{LIBRARY} integration.mkCache pkgs [ ({model.expression}) ]")
    model.cache(*arguments, hub=cache / "hub")
    assert (cache / "hub" / NAME).is_symlink() is (arguments[0] == "prune")
    assert model.whole
