"""Pins: locking them with our command line, and building them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from harness import BIN, run
from support.environment import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from support.nix import NixEnv

# A stand-in for nixpkgs.
PKGS = f"(import {CHECKOUT}/tests/nix/pkgs {{ system = builtins.currentSystem; }})"

Pin: TypeAlias = Mapping[str, Any]


def lock(
    project: Path,
    models: Mapping[str, str],
    *options: str,
    env: Mapping[str, str] | None = None,
) -> dict[str, Pin]:
    """Lock repositories in a new project and return their pins, as Nix gets them.

    Args:
        project: A directory to create.
        models: Name of a model -> repository.
        options: Of `aimodels-gen lock`.
        env: Environment variables to add.
    """
    write_manifest(project, models)
    printed = run(BIN / "aimodels-gen", "lock", "--format=json", *options, cwd=project, env=env)
    pins: dict[str, Pin] = json.loads(printed)["models"]
    return pins


def write_manifest(project: Path, models: Mapping[str, str]) -> None:
    """Create a project with a models.toml of these repositories, by the names of the models."""
    project.mkdir()
    (project / "models.toml").write_text(
        "".join(
            f'[models.{name}]\nsource.huggingface.repo = "{repo}"\n'
            for name, repo in models.items()
        )
    )


def fetching(pin: Pin, directory: Path, file: str | None = None) -> tuple[str | Path, ...]:
    """Return the command that fetches a pin into `directory`/out, without Nix.

    Args:
        pin: Of the model.
        directory: For the spec, too.
        file: The path of one file to fetch; None for the whole model, as an entry.
    """
    # As the Nix library writes it, with its defaults.
    source = {"ref": "main", "repoType": "model", "endpoint": None, **pin["source"]["huggingface"]}
    spec: dict[str, Any] = {"sources": [{"huggingface": source}]}
    if file is None:
        spec |= {"mode": "tree", "include": None, "exclude": [], "integration": True}
    else:
        pinned = files_of(pin)[file]
        spec |= {"mode": "file", "path": file, "hash": pinned["hash"], "size": pinned["size"]}
    (directory / "spec.json").write_text(json.dumps(spec))
    program = CHECKOUT / "nix" / "fetcher"
    return (sys.executable, "-B", program, directory / "spec.json", "--out", directory / "out")


def files_of(pin: Pin) -> dict[str, Any]:
    """Return the files of a files pin, those of its bundle too, by their paths."""
    return {**pin.get("files", {}), **pin.get("bundle", {}).get("files", {})}


def fetch_model(pin: Pin) -> str:
    """Return the Nix expression of a pinned model."""
    # Without `${`, strings are the same in JSON and in Nix.
    arguments = f"(builtins.fromJSON {json.dumps(json.dumps(pin))})"
    return f"(import {CHECKOUT}/nix).fetchModel {PKGS} {arguments}"


def prepare(nix: NixEnv, expression: str) -> None:
    """Add to a new store what every first build needs, so that the measurement leaves it out."""
    nix.run("nix-instantiate", "-E", expression)
    nix.build(f"{PKGS}.cacert")
