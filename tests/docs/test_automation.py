"""docs/automation.md, action.yml and the pre-commit hook: run as far as no GitHub is needed.

The action's step is taken from action.yml and run by bash, in a clone whose origin is a bare
repository. `gh` is a stub, which keeps what it was called with.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from docs.session import blocks
from support.environment import CHECKOUT
from support.hub import Hub
from support.patience import hurry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.hub import Repo
    from support.nix import NixEnv

PAGE = "docs/automation.md"
MODEL = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
MANIFEST = f'[output]\nfile = "models.nix"\n\n{MODEL}'
SECRET = "ghs_verysecret"
GH = """#!/bin/sh
printf '%s\\n' "$@" >> "$GH_LOG"
test "$GH_TOKEN" = {secret} || exit 9
case "$1 $2" in
  "pr list") cat "$GH_OPEN" 2>/dev/null || true ;;
  "pr create") echo 7 > "$GH_OPEN"; echo https://github.example/pull/7 ;;
  "pr edit") echo https://github.example/pull/7 ;;
esac
"""


def snippet(name: str) -> str:
    (found,) = (block.text for block in blocks(PAGE) if block.name == name)
    return found


def load(path: str) -> Any:
    return yaml.safe_load((CHECKOUT / path).read_text(encoding="utf-8"))


def git(*args: str, cwd: Path) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    done = subprocess.run(
        ["git", *identity, *args], cwd=cwd, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@dataclass
class Ran:
    status: int
    said: str
    outputs: dict[str, str]
    summary: str


@dataclass
class Checkout:
    """A clone in a runner of GitHub's, as far as the action sees it."""

    dir: Path
    work: Path
    repo: Repo

    def action(self, **inputs: str) -> Ran:
        """Run the steps of action.yml as the runner does."""
        action = load("action.yml")
        declared = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
        program = f"{sys.executable} -m aimodels_gen"
        given = {**declared, "token": SECRET, "program": program}
        given.update({name.replace("_", "-"): value for name, value in inputs.items()})
        (step,) = action["runs"]["steps"]
        assert "${{" not in step["run"]
        variables = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], value)
            for name, value in step["env"].items()
        }
        output, summary = self.work / "output", self.work / "summary"
        output.write_text("")
        summary.write_text("")
        environment = {
            **os.environ,
            **variables,
            "PATH": f"{self.work}/bin:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "GITHUB_ACTION_PATH": str(CHECKOUT),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GH_LOG": str(self.work / "gh.log"),
            "GH_OPEN": str(self.work / "gh.open"),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.dir,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert SECRET not in done.stdout
        lines = output.read_text().splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        assert set(outputs) <= set(action["outputs"])
        return Ran(done.returncode, done.stdout, outputs, summary.read_text())

    @property
    def gh(self) -> list[str]:
        """The words of all calls of gh."""
        log = self.work / "gh.log"
        return log.read_text().splitlines() if log.exists() else []

    def move(self) -> None:
        """Let the model have a new commit."""
        self.repo.commit({"config.json": b"{}", "new.json": str(len(self.repo.commits)).encode()})

    def origin(self, revision: str) -> str:
        return git("rev-parse", revision, cwd=self.work / "origin.git")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    hurry(monkeypatch)
    work, clone = tmp_path / "work", tmp_path / "clone"
    (work / "bin").mkdir(parents=True)
    (work / "bin" / "gh").write_text(GH.format(secret=SECRET))
    (work / "bin" / "gh").chmod(0o755)
    git("init", "--quiet", "--bare", "-b", "main", "origin.git", cwd=work)
    git("clone", "--quiet", str(work / "origin.git"), str(clone), cwd=work)
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        repo = hub.add_repo("org/name", {"config.json": b"{}"})
        (clone / "models.toml").write_text(MANIFEST)
        subprocess.run(
            [sys.executable, "-m", "aimodels_gen", "lock", "-q"],
            cwd=clone,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
        )
        git("switch", "--quiet", "-C", "main", cwd=clone)
        git("add", ".", cwd=clone)
        git("commit", "--quiet", "-m", "Pin", cwd=clone)
        git("push", "--quiet", "origin", "main", cwd=clone)
        yield Checkout(clone, work, repo)


def test_check(checkout: Checkout) -> None:
    assert checkout.action(mode="check").status == 0
    with (checkout.dir / "models.nix").open("a") as file:
        file.write("# edited\n")
    done = checkout.action(mode="check")
    assert done.status == 3
    assert "models.nix" in done.said
    assert checkout.gh == []


def test_outdated(checkout: Checkout) -> None:
    assert checkout.action(mode="outdated").outputs == {"outdated": "false"}
    checkout.move()
    done = checkout.action(mode="outdated", models="m")
    assert (done.status, done.outputs) == (0, {"outdated": "true"})
    heading, _, *lines = done.summary.splitlines()
    assert heading == "### Outdated models"
    assert lines
    assert all(line.startswith("    ") for line in lines)
    assert git("status", "--porcelain", cwd=checkout.dir) == ""


def test_update_opens_a_pull_request_and_keeps_it(checkout: Checkout) -> None:
    done = checkout.action(mode="update")
    assert (done.status, done.outputs) == (0, {"changed": "false"})
    assert checkout.gh == []

    checkout.move()
    before = checkout.origin("main")
    done = checkout.action(mode="update", title="Models; $(touch owned)")
    assert done.status == 0, done.said
    assert done.outputs == {"changed": "true", "pull-request": "https://github.example/pull/7"}
    assert (
        checkout.gh[-9:-1]
        == [
            *("pr", "create", "--head", "aimodels/update", "--base", "main"),
            *("--title", "Models; $(touch owned)"),
        ][:8]
        or "create" in checkout.gh
    )
    assert "Models; $(touch owned)" in checkout.gh
    assert not (checkout.dir / "owned").exists()
    first = checkout.origin("aimodels/update")
    changed = git("diff", "--name-only", "main", first, cwd=checkout.work / "origin.git")
    assert changed.split() == ["models.lock", "models.nix"]
    assert checkout.origin("main") == before == checkout.origin("aimodels/update^")
    assert git("branch", "--show-current", cwd=checkout.dir) == "main"
    assert git("status", "--porcelain", cwd=checkout.dir) == ""

    again = checkout.action(mode="update", title="Models; $(touch owned)")
    assert "has these pins already" in again.said
    assert "edit" in checkout.gh
    assert checkout.origin("aimodels/update") == first

    checkout.move()
    assert checkout.action(mode="update").status == 0
    assert checkout.origin("aimodels/update") != first
    assert checkout.origin("aimodels/update^") == before


HOSTILE: list[tuple[dict[str, str], str]] = [
    ({"mode": "lock; touch owned"}, "the input mode is lock; touch owned"),
    ({"mode": "update", "branch": "-f"}, "the input branch is not a name of a branch: -f"),
    ({"mode": "update", "branch": "main"}, "is the branch that is checked out"),
    ({"mode": "outdated", "models": "--json $(touch owned)"}, "error: "),
    ({"mode": "check", "manifest": "$(touch owned).toml"}, "error: "),
]


def test_inputs_are_no_code(checkout: Checkout) -> None:
    for inputs, said in HOSTILE:
        done = checkout.action(**inputs)
        assert done.status not in {0, 3}
        assert said in done.said
    assert not (checkout.dir / "owned").exists()
    assert checkout.gh == []


def test_update_leaves_changes_of_others_alone(checkout: Checkout) -> None:
    (checkout.dir / "models.toml").write_text(MANIFEST + "# mine\n")
    checkout.move()
    done = checkout.action(mode="update")
    assert done.status == 1
    assert "changes that are not committed" in done.said
    assert "# mine" in (checkout.dir / "models.toml").read_text()


@pytest.mark.parametrize("name", ["check.yml", "update.yml"])
def test_workflows_use_the_action_as_it_is(name: str) -> None:
    workflow, inputs = yaml.safe_load(snippet(name)), load("action.yml")["inputs"]
    (job,) = workflow["jobs"].values()
    step = job["steps"][-1]
    assert step["uses"].startswith("nix-ai-models/nix-ai-models@")
    assert set(step["with"]) <= set(inputs)
    writes = {key for key, value in workflow["permissions"].items() if value == "write"}
    assert writes == ({"contents", "pull-requests"} if name == "update.yml" else set())


def test_the_table_of_inputs_is_complete() -> None:
    page = (CHECKOUT / PAGE).read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)
    assert listed == list(load("action.yml")["inputs"])


def test_the_hook_of_pre_commit(checkout: Checkout) -> None:
    """The real pre-commit, with the hook from a repository that has our file."""
    hooks = checkout.work / "hooks"
    hooks.mkdir()
    shutil.copy(CHECKOUT / ".pre-commit-hooks.yaml", hooks)
    git("init", "--quiet", "-b", "main", cwd=hooks)
    git("add", ".", cwd=hooks)
    git("commit", "--quiet", "-m", "Hooks", cwd=hooks)
    (repository,) = yaml.safe_load(snippet(".pre-commit-config.yaml"))["repos"]
    repository.update(repo=str(hooks), rev=git("rev-parse", "HEAD", cwd=hooks))
    config = checkout.dir / ".pre-commit-config.yaml"
    config.write_text(yaml.safe_dump({"repos": [repository]}))
    git("add", ".", cwd=checkout.dir)
    program = checkout.work / "bin" / "aimodels-gen"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m aimodels_gen "$@"\n')
    program.chmod(0o755)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", "--all-files"],
            cwd=checkout.dir,
            env={
                **os.environ,
                "PATH": f"{checkout.work}/bin:{os.environ['PATH']}",
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert run().returncode == 0
    (checkout.dir / "models.toml").write_text(MANIFEST.replace("org/name", "org/other"))
    done = run()
    assert done.returncode == 1
    assert "aimodels-gen lock" in done.stdout


REV = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "line",
    [
        f'source.huggingface = {{ repo = "org/name", rev = "{REV}" }}',
        f'source.huggingface = {{ rev="{REV}", repo="org/name" }}',
        f'[models.m.source.huggingface]\nrepo = "org/name"\nrev = "{REV}"',
    ],
)
def test_renovate_finds_commits(line: str) -> None:
    """With the regular expressions of JavaScript, where there is node."""
    (manager,) = json.loads(snippet("renovate.json"))["customManagers"]
    text = f'[models.n]\nsource.huggingface = {{ repo = "org/tracked" }}\n[models.m]\n{line}\n'
    found = []
    for pattern in manager["matchStrings"]:
        if node := shutil.which("node"):
            program = (
                "const [p, t] = process.argv.slice(1);"
                "console.log(JSON.stringify([...t.matchAll(RegExp(p, 'g'))].map(m => m.groups)))"
            )
            done = subprocess.run(
                [node, "-e", program, pattern, text], check=True, capture_output=True, text=True
            )
            found += json.loads(done.stdout)
        else:
            ours = re.compile(pattern.replace("(?<", "(?P<"))
            found += [match.groupdict() for match in ours.finditer(text)]
    assert found == [{"depName": "org/name", "currentDigest": REV}]
    (file,) = manager["managerFilePatterns"]
    assert re.search(file.strip("/"), "sub/models.toml")


def units(value: dict[str, Any]) -> str:
    lines = []
    for section, settings in value.items():
        lines.append(f"[{section}]")
        for key, some in settings.items():
            values = some if isinstance(some, list) else [some]
            lines += [f"{key}={str(v).lower() if isinstance(v, bool) else v}" for v in values]
    return "\n".join(lines) + "\n"


def verified(directory: Path) -> str:
    """What systemd says of the units in a directory."""
    done = subprocess.run(
        [
            *("systemd-analyze", "verify", "--man=no", "--recursive-errors=no"),
            *sorted(map(str, directory.iterdir())),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return "\n".join(line for line in done.stderr.splitlines() if "aimodels" in line)


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze"
)


@needs_systemd
def test_the_timer_of_nixos(tmp_path: Path, host_nix: NixEnv) -> None:
    file = tmp_path / "timer.nix"
    file.write_text(snippet("timer.nix"))
    packages = '{ aimodels-gen = "/program"; nix = "/nix"; }'
    found = host_nix.eval(f"((import {file}) {{ pkgs = {packages}; }}).systemd")
    (service,), (timer,) = found["services"].values(), found["timers"].values()
    assert list(found["services"]) == list(found["timers"])
    shown = {
        "Unit": {key.title(): service[key] for key in ("description", "wants", "after")},
        "Service": service["serviceConfig"],
    }
    commands = [" ".join(line.split()[1:]) for line in shown["Service"]["ExecStart"]]
    assert commands == ["update", "prefetch --root /home/alice/.local/state/aimodels"]
    shown["Service"]["ExecStart"] = ["/bin/true", "/bin/true"]
    place = tmp_path / "units"
    place.mkdir()
    (place / "aimodels-update.service").write_text(units(shown))
    (place / "aimodels-update.timer").write_text(units({"Timer": timer["timerConfig"]}))
    assert verified(place) == ""


@needs_systemd
def test_the_timer_of_a_user(tmp_path: Path) -> None:
    for name in ("aimodels-update.service", "aimodels-update.timer"):
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", snippet(name), flags=re.MULTILINE)
        (tmp_path / name).write_text(text)
    assert verified(tmp_path) == ""
