"""Where templates/ lies: above the package in a checkout, in it in a wheel."""

from __future__ import annotations

from pathlib import Path

from aimodels_gen.errors import AimodelsError

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def data_dir(name: str) -> Path:
    """Return the directory `name` that this installation carries.

    Raises:
        AimodelsError: it is not there: the installation is broken.
    """
    for base in (_CHECKOUT, _PACKAGE):
        if (base / name).is_dir():
            return base / name
    raise AimodelsError(
        f"this installation of aimodels-gen lacks its {name}/ directory",
        f"install it again (looked in {_PACKAGE} and {_CHECKOUT})",
    )
