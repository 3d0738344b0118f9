"""The libraries of docs/libraries.md, each in a directory of its own beside .venv's packages.

As a program, `python -m support.libraries NAME…` installs them; without names, those of `USUAL`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

_DIRECTORY = CHECKOUT / ".venv" / "libraries"
_PILLOW = ("pillow==13.0.0",)
_NODE = "transformers.js"
# What .venv has is left out, torch above all: .venv has its build for CPUs.
PACKAGES = {
    "sentence-transformers": (
        *("sentence-transformers==6.2.0", "scikit-learn==1.9.1", "scipy==1.17.1", "joblib==1.6.0"),
        *("cloudpickle==3.1.3", "narwhals==2.29.0", "threadpoolctl==3.8.0"),
    ),
    "diffusers": (
        *("diffusers==0.42.1", "importlib_metadata==10.2.0", "lazy-importer==0.1.0"),
        *("zipp==4.1.2", *_PILLOW),
    ),
    # open_clip needs timm.
    "open_clip": (
        *("open_clip_torch==3.3.0", "ftfy==6.3.1", "wcwidth==0.9.4"),
        *("timm==1.0.31", "torchvision==0.28.0", *_PILLOW),
    ),
    "peft": ("peft==0.21.2", "accelerate==1.15.0"),
    "faster-whisper": ("faster-whisper==1.2.1", "ctranslate2==4.8.5", "av==18.1.0"),
    "spaCy": (
        *("spacy==3.8.18", "blis==1.3.4", "catalogue==2.0.10", "cloudpathlib==0.26.0"),
        *("confection==1.3.4", "cymem==2.0.16", "murmurhash==1.0.16", "preshed==3.0.15"),
        *("smart_open==9.0.2", "spacy-legacy==3.0.12", "spacy-loggers==1.0.5", "srsly==2.5.6"),
        *("thinc==8.3.14", "wasabi==1.1.3", "weasel==1.0.1", "wrapt==2.5.2"),
    ),
    # It needs an older transformers than .venv has.
    "optimum": (
        *("optimum-onnx==0.1.0", "optimum==2.1.0", "onnxruntime==1.32.0", "onnx==1.23.2"),
        *("transformers==4.57.6", "huggingface_hub==0.36.2", "tokenizers==0.22.2"),
        *("ml_dtypes==0.6.0", "protobuf==7.36.2", "flatbuffers==25.12.19"),
    ),
    _NODE: ("@huggingface/transformers@4.3.1",),
}
# Those that every run of all tests installs: together about 350 MB.
USUAL = ("sentence-transformers", "diffusers", "open_clip", "peft")


def directory(name: str) -> Path:
    """Where a library is; skips the test if it is not there."""
    path = _DIRECTORY / name
    if not _is_installed(name):
        pytest.skip(f"{name} is not installed; `script/test --stage libraries` installs it")
    return path


def _is_installed(name: str) -> bool:
    marker = _DIRECTORY / name / "holds"
    return marker.is_file() and marker.read_text().split() == list(PACKAGES[name])


def _install(name: str) -> None:
    path = _DIRECTORY / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    if name == _NODE:
        # Its scripts would download builds for GPUs.
        command = ["npm", "install", "--silent", "--ignore-scripts", "--prefix", str(path)]
    else:
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--no-compile"]
        command = [*pip, "--target", str(path)]
    subprocess.run([*command, *PACKAGES[name]], check=True)
    # Tests load them as a user who could not keep what Python compiles.
    compiling = [sys.executable, "-m", "compileall", "-qq", "-j", "0", str(path)]
    subprocess.run(compiling, check=False)
    (path / "holds").write_text("\n".join(PACKAGES[name]))


def main(names: list[str]) -> int:
    for name in names or USUAL:
        if _is_installed(name):
            continue
        if name == _NODE and not shutil.which("npm"):
            sys.stderr.write(f"{name} is not installed: there is no npm\n")
            continue
        _install(name)
    return 0


if __name__ == "__main__":
    os.chdir(CHECKOUT)
    sys.exit(main(sys.argv[1:]))
