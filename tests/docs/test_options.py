"""docs/options.md says what the modules declare; `AIMODELS_UPDATE_DOCS=1` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import options, registry
from support.environment import CHECKOUT, ORIGINAL

if TYPE_CHECKING:
    from support.nix import NixEnv


def test_the_reference_is_what_is_declared(host_nix: NixEnv) -> None:
    lib = registry.flake("nixpkgs") / "lib"
    page = options.page(host_nix.eval(f"import ./tests/docs/options.nix {{ lib = import {lib}; }}"))
    path = CHECKOUT / "docs" / "options.md"
    if ORIGINAL.get("AIMODELS_UPDATE_DOCS"):
        path.write_text(page)
    assert path.read_text() == page, "run `AIMODELS_UPDATE_DOCS=1 script/test tests/docs`"
