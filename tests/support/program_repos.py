"""Repositories that `datasets` and `kernels` really load."""

from __future__ import annotations

import json

_CARD = b"""---
configs:
- config_name: plain_text
  default: true
  data_files:
  - split: train
    path: plain_text/train-*
  - split: validation
    path: plain_text/validation-*
- config_name: short
  data_files: short/*
---
"""
_KERNEL = b"def twice(x):\n    return x + x\n"


def dataset() -> dict[str, bytes]:
    """Two configurations that README.md declares: of three rows, the default, and of one."""
    return {
        "README.md": _CARD,
        "plain_text/train-0.jsonl": b'{"id": 1}\n{"id": 2}\n{"id": 3}\n',
        "plain_text/validation-0.jsonl": b'{"id": 4}\n{"id": 5}\n',
        "short/train.jsonl": b'{"id": 1}\n',
    }


def kernel() -> dict[str, bytes]:
    """A kernel in Python, in two builds, of which one is for machines with a GPU."""
    files = {}
    for backend in ("cpu", "cuda"):
        metadata = {
            "name": "relu",
            "id": f"_relu_{backend}",
            "version": 1,
            "license": "apache-2.0",
            "python-depends": [],
            "backend": {"type": backend},
        }
        files[f"build/torch-{backend}/__init__.py"] = _KERNEL
        files[f"build/torch-{backend}/metadata.json"] = json.dumps(metadata).encode()
    return files
