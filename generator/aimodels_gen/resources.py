"""The templates that an installation carries: above the package in a checkout, in it in a wheel."""

from __future__ import annotations

from pathlib import Path

from aimodels_gen.errors import AimodelsError

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def templates() -> Path:
    """Return the directory with the templates.

    Raises:
        AimodelsError: it is not there: the installation is broken.
    """
    for base in (_PACKAGE, _CHECKOUT):
        if (base / "templates").is_dir():
            return base / "templates"
    raise AimodelsError(
        "this installation of aimodels-gen lacks its templates/ directory",
        f"install it again (looked in {_PACKAGE} and {_CHECKOUT})",
    )
