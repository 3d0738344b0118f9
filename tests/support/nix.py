"""Real Nixes, each in a store of its own, with the sandbox on.

`host` is the Nix of the machine; `forky` is a newer one in a root file system that
script/forky-root makes. Both take their store from the environment, so a store lies anywhere,
and two of them can be given the same path to be compared.

As a program, `eval "$(python -m support.nix DIR)"` gives a shell a store in DIR.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.environment import CHECKOUT, ORIGINAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KINDS = ("host", "forky")

IN_ROOT = Path(__file__).with_name("in-root")
_FORKY_ROOT = CHECKOUT / "script" / "forky-root"
# The stand-in nixpkgs runs the distribution's own programs: the sandbox has to show them.
_SYSTEM_DIRS = ("/bin", "/usr", "/lib", "/lib64")


class UnavailableError(Exception):
    """This machine cannot have that Nix; the message says why."""


class NixError(Exception):
    """A command failed; the message holds its output."""


@dataclass(frozen=True)
class NixEnv:
    """A Nix with a store. `dir` is where it sees its store and state, `real` where they lie."""

    kind: str
    dir: Path
    real: Path
    root: Path | None

    @property
    def store(self) -> Path:
        return self.dir / "store"

    def path(self, store_path: str | Path) -> Path:
        """Where a path of this Nix's store lies for us."""
        return self.real / Path(store_path).relative_to(self.dir)

    def contents(self, directory: Path) -> dict[str, bytes]:
        """Path -> content, with links into the store followed to where the store lies for us."""
        found = {}
        for path in directory.rglob("*"):
            target = path
            while target.is_symlink():
                link = target.readlink()
                target = self.path(link) if link.is_absolute() else target.parent / link
            if target.is_file():
                found[str(path.relative_to(directory))] = target.read_bytes()
        return found

    def variables(self) -> dict[str, str]:
        """What makes any Nix program use this store."""
        return {
            "NIX_STORE_DIR": str(self.store),
            "NIX_STATE_DIR": str(self.dir / "var"),
            "NIX_LOG_DIR": str(self.dir / "log"),
            "NIX_CONF_DIR": str(self.dir / "etc"),
            "NIX_USER_CONF_FILES": os.devnull,
            "XDG_CACHE_HOME": str(self.dir / "cache"),
        }

    def entry(self) -> list[str]:
        """What a command line has to begin with to be run beside this Nix."""
        if self.root is None:
            return []
        binds = [CHECKOUT, tempfile.gettempdir(), f"{self.dir}={self.real}"]
        return [str(IN_ROOT), str(self.root), *dict.fromkeys(map(str, binds)), "--"]

    def run(
        self,
        *command: str | Path,
        check: bool = True,
        cwd: Path = CHECKOUT,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with this Nix on its PATH."""
        result = subprocess.run(
            [*self.entry(), *command],
            check=False,
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, **self.variables(), **(env or {})},
        )
        if check and result.returncode != 0:
            words = " ".join(map(str, command))
            output = result.stdout + result.stderr
            raise NixError(f"{self.kind}: `{words}` exited with {result.returncode}\n{output}")
        return result

    def start(
        self, *command: str | Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Run a command that does not have to end; its output is one stream."""
        return subprocess.Popen(
            [*self.entry(), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=CHECKOUT,
            env={**os.environ, **self.variables(), **(env or {})},
        )

    def build(self, expression: str, *options: str, env: Mapping[str, str] | None = None) -> Path:
        """Build an expression's one output; the answer is where it lies for us."""
        command = ("nix-build", "--no-out-link", *options, "-E", expression)
        return self.path(self.run(*command, env=env).stdout.strip())

    def eval(self, expression: str, *options: str) -> Any:
        """The value of an expression, which must be data."""
        command = ("nix-instantiate", "--eval", "--strict", "--json", *options, "-E", expression)
        return json.loads(self.run(*command).stdout)

    def counts(self, expression: str) -> tuple[int, int]:
        """What it costs to evaluate an expression: thunks, and calls of functions."""
        command = ("nix-instantiate", "--eval", "-E", expression)
        said = self.run(*command, env={"NIX_SHOW_STATS": "1"}).stderr
        found, _ = json.JSONDecoder().raw_decode(said[said.index("{\n") :])
        return found["nrThunks"], found["nrFunctionCalls"]


def check_budget(
    expected: tuple[int, int], few: tuple[int, int], many: tuple[int, int], more: int
) -> None:
    """Compare what each of so many more things costs to evaluate, with a tenth of slack."""
    for budget, before, after in zip(expected, few, many, strict=True):
        assert (after - before) / more <= 1.1 * budget, ((after - before) / more, budget)


@contextlib.contextmanager
def environment(kind: str, seen_at: Path | None = None) -> Iterator[NixEnv]:
    """An empty store for that Nix; with `seen_at`, at the path where another Nix sees its own."""
    root = forky_root() if kind == "forky" else None
    if root is None:
        _check_host()
    # Not a pytest directory: those are closed to other users, who are to read the store too.
    real = Path(tempfile.mkdtemp(prefix="aimodels-nix-"))
    real.chmod(0o755)
    try:
        env = NixEnv(kind, seen_at or real, real, root)
        _configure(env)
        yield env
    finally:
        _remove(real)


@contextlib.contextmanager
def available(kind: str, seen_at: Path | None = None) -> Iterator[NixEnv]:
    """The same; a machine that cannot have that Nix skips the test and says why."""
    with contextlib.ExitStack() as stack:
        try:
            env = stack.enter_context(environment(kind, seen_at))
        except UnavailableError as error:
            pytest.skip(str(error))
        yield env


def _configure(env: NixEnv) -> None:
    directory = env.real / "etc"
    directory.mkdir(parents=True)
    (directory / "registry.json").write_text('{"version": 2, "flakes": []}')
    settings = {
        # One user, no daemon.
        "build-users-group": "",
        "sandbox": "true",
        "sandbox-fallback": "false",
        "sandbox-paths": " ".join(_sandbox_paths(env.root or Path("/"))),
        "substituters": "",
        "experimental-features": "nix-command flakes",
        "flake-registry": f"{env.dir}/etc/registry.json",
        "warn-dirty": "false",
        "max-jobs": "2",
        # A test store that a power cut damages is no loss.
        "fsync-metadata": "false",
    }
    lines = (f"{key} = {value}\n" for key, value in settings.items())
    (directory / "nix.conf").write_text("".join(lines))


def _sandbox_paths(root: Path) -> Iterator[str]:
    """The system's directories; for one that is a link (/bin -> usr/bin), with its target."""
    for name in _SYSTEM_DIRS:
        path = root / name[1:]
        if path.is_symlink():
            yield f"{name}=/{path.readlink()}".replace("=//", "=/")
        elif path.is_dir():
            yield name


def _check_host() -> None:
    if shutil.which("nix-build") is None:
        raise UnavailableError("no Nix on this machine; install Debian's nix-bin")


def forky_root() -> Path:
    """The root with the newer Nix, made if need be (a minute, once)."""
    if os.geteuid() != 0:
        raise UnavailableError("entering the forky root takes root")
    made = subprocess.run([_FORKY_ROOT], check=False, capture_output=True, text=True, env=ORIGINAL)
    if made.returncode != 0:
        raise UnavailableError(made.stderr.strip())
    return Path(made.stdout.strip())


def _remove(directory: Path) -> None:
    """Remove a store, whose directories are read-only."""
    subprocess.run(["chmod", "-R", "u+w", directory], check=True)
    shutil.rmtree(directory)


def main(directory: Path) -> None:
    """Make a store there for the machine's Nix, and say in shell what makes programs use it."""
    env = NixEnv("host", directory, directory, None)
    _configure(env)
    exports = (
        f"export {shlex.join([f'{key}={value}'])}\n" for key, value in env.variables().items()
    )
    sys.stdout.write("".join(exports))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
