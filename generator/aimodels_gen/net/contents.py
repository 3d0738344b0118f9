"""What the beginning of a file shows it to be, where its name says something else."""

from __future__ import annotations

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
        beginning: its first bytes, 64 or more if it has so many.
    """
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_POINTERS):
        return "a Git LFS pointer, which only names the file it stands for"
    if text.startswith(_PAGES) and posixpath.splitext(path)[1].lower() in _NO_PAGES:
        return "a web page"
    return None
