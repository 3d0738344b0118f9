"""Links in the documentation lead somewhere."""

from __future__ import annotations

import re

import pytest

from docs.session import DOCUMENTS
from support.environment import CHECKOUT
from support.options import anchor

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_links(document: str) -> None:
    path = CHECKOUT / document
    for link in _LINK.findall(_CODE.sub("", path.read_text())):
        if link.startswith("https://"):
            continue
        file, _, place = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        if place:
            headings = re.findall(r"^#+ (.+)$", _CODE.sub("", target.read_text()), re.MULTILINE)
            assert place in {anchor(heading) for heading in headings}, link


def test_every_page_is_linked() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    assert [page for page in DOCUMENTS if page != "README.md" and f"({page})" not in readme] == []
