"""The machine's environment, and the clean one that tests run in."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT = Path(__file__).parents[2]

# As it was before a test run cleaned it: what apt, pip and the cache need to find their settings.
ORIGINAL: Mapping[str, str] = dict(os.environ)

# Where what is dear to make or to fetch is kept between runs, outside the checkout.
CACHE = Path(ORIGINAL.get("XDG_CACHE_HOME") or Path.home() / ".cache", "nix-ai-models")

# What changes the behaviour of the programs under test. Where certificates lie (SSL_CERT_FILE and
# its like) is a fact of the machine and stays.
_LEAKS = re.compile(
    r"(HF|HUGGING_?FACE|TRANSFORMERS|AIMODELS|XDG|GIT|PYTEST_ADDOPTS)(_.*)?"
    r"|AWS_(?!CA_BUNDLE).*|NIX_(?!SSL_CERT_FILE).*|(?i:(https?|all|ftp|no)_proxy)"
)


def hermetic(home: Path) -> dict[str, str]:
    """The machine's environment without what would leak into a test."""
    kept = {key: value for key, value in ORIGINAL.items() if not _LEAKS.fullmatch(key)}
    # An instance's credentials are looked for last, and for seconds where there is no such service.
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "AWS_EC2_METADATA_DISABLED": "true"}
    return {**kept, "HOME": str(home), **quiet}
