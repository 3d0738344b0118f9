"""The part of the fetcher that assembles entries: they depend on nothing else of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from support.environment import CHECKOUT

FETCHER = CHECKOUT / "nix/fetcher"
_LIST = re.compile(r"assembler = bundlePython \[(.*?)\]", re.DOTALL)
_IMPORT_ALL = """
import json, sys
import aimodels_fetcher.assemble, aimodels_fetcher.cli
from aimodels_fetcher import sources
for kind in sources.names():
    __import__(f"aimodels_fetcher.sources.{kind}")
print(json.dumps([name for name in sys.modules if name.startswith("aimodels_fetcher.")]))
"""


def test_it_has_what_it_imports_and_nothing_else() -> None:
    """A module that is new goes into the list of nix/fetcher.nix, unless assembling needs it."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL], cwd=FETCHER, capture_output=True, check=True
    )
    imported = {name.removeprefix("aimodels_fetcher.") for name in json.loads(done.stdout)}
    found = _LIST.search((CHECKOUT / "nix/fetcher.nix").read_text())
    assert found
    without = re.findall(r'"(\w+)"', found[1])
    package = FETCHER / "aimodels_fetcher"
    modules = {
        ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        for path in package.rglob("*.py")
    } - {"__init__"}
    assert set(without) == {name.rpartition(".")[2] for name in modules - imported}
