"""What the beginning of a file shows it to be, where its name says something else."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from aimodels_fetcher.digests import BEGINNING, LFS_POINTER_START

WEIGHTS = (
    *(".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".keras"),
    *(".msgpack", ".tflite", ".mlmodel", ".npz", ".npy", ".pkl", ".pickle", ".joblib", ".nemo"),
    *(".ot", ".ggml", ".pte", ".engine", ".llamafile", ".mar", ".pdparams", ".params", ".pb"),
)
"""Endings of files of weights, the usual ones first."""

# Formats that are binary from their first byte on.
_BINARY = {*WEIGHTS, ".gz", ".onnx_data", ".parquet", ".tar", ".zip", ".zst"}
# git-lfs, docs/spec.md. The second one is its name before 2015.
_POINTERS = (LFS_POINTER_START.encode(), b"version https://hawser.github.com/spec/v1")
_TEXTS = {".md", ".rst", ".txt"}  # may be about pointers
_PAGES = {".htm", ".html", ".md", ".php", ".svg", ".vue", ".xhtml", ".xml"}
_MARKUP_BEFORE = re.compile(rb"(?:\xef\xbb\xbf|\s|<!--.*?-->|<\?xml[^>]*>)*", re.DOTALL)
_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def is_weights(path: str) -> bool:
    """Return whether a file is one of weights, by its name."""
    return path.lower().endswith(WEIGHTS)


def weights_rank(path: str) -> int:
    """Return how unusual the ending of a file of weights is; 0 is the most usual one."""
    return next(rank for rank, ending in enumerate(WEIGHTS) if path.lower().endswith(ending))


def mistaken(path: str, beginning: bytes, url: str = "") -> str | None:
    """Return what a file is instead of what its name says; None if nothing speaks against it.

    Args:
        path: its path in the model.
        beginning: its first 1,024 bytes, or all of them.
        url: where it comes from, which may show that a page is wanted.
    """
    kind = PurePosixPath(path).suffix.lower()
    if not beginning and kind in _BINARY:
        return "an empty file"
    # Pointers have less than 1,024 bytes.
    if kind not in _TEXTS and len(beginning) < BEGINNING and beginning.startswith(_POINTERS):
        return "a Git LFS pointer, which only names the file it stands for"
    before = _MARKUP_BEFORE.match(beginning)
    markup = beginning[before.end() if before else 0 :]
    kinds = {kind, PurePosixPath(urlsplit(url).path).suffix.lower()}
    if not kinds & _PAGES and _PAGE.match(markup):
        return "a web page"
    if kind in _BINARY and not kinds & _PAGES and is_text(beginning):
        if beginning.lstrip()[:1] in {b"{", b"["}:
            return "JSON, as servers write errors"
        if markup[:1] == b"<":
            return "XML, as servers write errors"
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


def is_text(beginning: bytes) -> bool:
    """Return whether bytes are text: UTF-8 without control characters, possibly cut at the end."""
    try:
        beginning.decode()
    except UnicodeDecodeError as error:
        if error.start < len(beginning) - 3:
            return False
    return not _NOT_TEXT.search(beginning)
