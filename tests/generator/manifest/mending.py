"""Manifests that are refused, and what they are once what the message shows is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.parse import parse
from aimodels_gen.sources.huggingface import HuggingFace

if TYPE_CHECKING:
    from aimodels_gen.manifest.model import Entry

REV = "01c7f73d771dfac7d292323805ebc428287df4f9"
HEADER = "[models.m]\n"
S3_NAME = 'integration.huggingface = { org = "a", model = "b" }\n'
GOOD = 'source.huggingface = { repo = "org/name" }\n'
# What has to go stands on lines that end so.
WRONG = "  # wrong"
MODEL = HuggingFace("org/name")


def refused(text: str) -> ManifestError:
    """Return why a manifest is refused."""
    with pytest.raises(ManifestError) as caught:
        parse(text)
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"
    assert "\n" not in f"{caught.value.message}{caught.value.hint}"
    return caught.value


def mended(text: str) -> tuple[Entry, ...]:
    """Return the models once what the hint shows stands in the place of what is wrong."""
    hint = refused(text.replace(WRONG, "")).hint or ""
    shown = re.match(r"(?:[^`;]|`[^`]*`)*", hint)
    assert shown, hint
    assert "`" in shown[0] or "remove" in shown[0], hint
    new: list[str] = []
    waiting: list[str] = []
    below: dict[str, list[str]] = {}
    for line, header in re.findall(r"`([^`]+)`|below (\[[^\s,;]+\])", shown[0]):
        if line:
            waiting.append(line)
        else:
            below[header], waiting = waiting, []
    new = waiting
    lines: list[str] = []
    for line in text.splitlines():
        if line.endswith(WRONG):
            lines, new = [*lines, *new], []
        else:
            lines.append(line)
        lines += below.pop(line, [])
    assert not new, f"nothing is wrong in {text!r}"
    for header, others in below.items():
        lines += [header, *others]
    return parse("\n".join(lines)).entries


def only(text: str) -> Entry:
    (entry,) = mended(text)
    return entry
