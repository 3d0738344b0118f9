"""What huggingface_hub knows better than we do: where tokens are, and what cards say.

Importing this module is slow.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.sources.huggingface import endpoints, trusted_endpoint
from aimodels_gen.sources.base import Card

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLE = "HF_ENDPOINT"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")


@contextmanager
def _one_endpoint() -> Iterator[None]:
    """Make HF_ENDPOINT one URL for a while.

    huggingface_hub reads it when it is imported, takes the whole of it for one, and sends there
    what it renews tokens with.
    """
    given = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = trusted_endpoint(endpoints())
    try:
        yield
    finally:
        if given is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = given


with _one_endpoint():
    from huggingface_hub import DatasetInfo, ModelInfo, SpaceInfo, constants, get_token

_INFOS: dict[str, type[ModelInfo | DatasetInfo | SpaceInfo]] = {
    "model": ModelInfo,
    "dataset": DatasetInfo,
    "space": SpaceInfo,
    # Older releases of huggingface_hub have no class for these.
    "kernel": ModelInfo,
}

if not os.environ.get("AIMODELS_DEBUG"):
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"huggingface_hub\.")


def token() -> str | None:
    """Return the token: HF_TOKEN, the file of HF_TOKEN_PATH, or that of `hf auth login`."""
    found: str | None = get_token()
    return found


def offline() -> tuple[str, ...]:
    """Return the variables that forbid requests, none if they are allowed."""
    if not constants.HF_HUB_OFFLINE:
        return ()
    variables = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return tuple(name for name in variables if os.environ.get(name)) or variables[:1]


def card(document: dict[str, Any], repo_type: str) -> Card:
    """Return what the Hub says about a repository at a revision.

    Args:
        document: The Hub's JSON.
        repo_type: What the repository holds.

    Raises:
        ArithmeticError, AttributeError, KeyError, TypeError, ValueError: No Hub says that.
    """
    # huggingface_hub refuses times in other forms, and the rest of the card is worth more.
    found = _TIME.fullmatch(str(document.get("lastModified")))
    info = _INFOS[repo_type](**{k: v for k, v in document.items() if k != "lastModified"})
    gate = getattr(info, "gated", None)
    return Card(
        license=_license(info),
        gated="manual" if gate is True else _text(gate),
        pipeline_tag=_text(getattr(info, "pipeline_tag", None)),
        library=_text(getattr(info, "library_name", None)),
        modified=f"{found[1]}Z" if found else None,
        base_models=_base_models(info) or None,
    )


def _base_models(info: Any) -> tuple[str, ...]:  # noqa: ANN401 - as below
    """Return the repositories that a card calls base models: one, or several."""
    declared = getattr(info.card_data, "base_model", None) if info.card_data else None
    names = declared if isinstance(declared, list) else [declared]
    return tuple(name for name in map(_text, names) if name)


def _license(info: Any) -> str | None:  # noqa: ANN401 - ModelInfo, DatasetInfo or SpaceInfo
    """Return the card's licence; cards may list several, and mirrors may have only the tags."""
    declared = getattr(info.card_data, "license", None) if info.card_data else None
    if not declared:
        tags = [tag for tag in info.tags or () if tag.startswith("license:")]
        declared = [tag.removeprefix("license:") for tag in tags]
    return _text(", ".join(map(str, declared)) if isinstance(declared, list) else declared)


def _text(value: object) -> str | None:
    """Return a word of a card, None for anything else: anybody may have typed it."""
    return value if isinstance(value, str) and value and value.isprintable() else None
