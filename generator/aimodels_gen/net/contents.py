"""What the beginning of a file shows it to be, where its name says something else."""

from __future__ import annotations

import json
import posixpath

WEIGHTS = (
    *(".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".keras"),
    *(".msgpack", ".tflite", ".mlmodel", ".npz", ".npy", ".pkl", ".pickle", ".joblib", ".nemo"),
    *(".ot", ".ggml", ".pte", ".engine", ".llamafile", ".mar", ".pdparams", ".params", ".pb"),
)
"""Endings of files of weights, the usual ones first."""

# git-lfs, docs/spec.md; the second one is its name before 2015.
_POINTERS = (
    b"version https://git-lfs.github.com/spec/",
    b"version https://hawser.github.com/spec/",
)
EXAMINED = 512
"""How many bytes of a file show it."""

_PAGES = (b"<!doctype html", b"<html")
_NO_PAGES = {*WEIGHTS, ".json", ".model", ".onnx_data", ".zip", ".gz", ".tar", ".jinja", ".yaml"}


def is_weights(path: str) -> bool:
    """Return whether a file is one of weights, by its name."""
    return path.lower().endswith(WEIGHTS)


def weights_rank(path: str) -> int:
    """Return how unusual the ending of a file of weights is; 0 is the most usual one."""
    return next(rank for rank, ending in enumerate(WEIGHTS) if path.lower().endswith(ending))


def mistaken(path: str, beginning: bytes) -> str | None:
    """Return what a file is instead of what its name says; None if nothing speaks against it.

    Args:
        path: its path in the model.
        beginning: its first EXAMINED bytes, or all if it has fewer.
    """
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_POINTERS):
        return "a Git LFS pointer, which only names the file it stands for"
    if text.startswith(_PAGES) and posixpath.splitext(path)[1].lower() in _NO_PAGES:
        return "a web page"
    return None


def warning(path: str, what: str, label: str) -> str:
    """Return what to tell of a file that is `mistaken`, after the model's name.

    Args:
        path: its path in the model.
        what: it is.
        label: what messages call the source that has it.
    """
    return (
        f"{path!r} of {label} is {what}, and programs will not be able to load it; leave it out "
        f"with exclude = {json.dumps([path])}, or take a revision that has the file itself"
    )
