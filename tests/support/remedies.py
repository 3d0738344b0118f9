"""Tests that do what a message says, and show that what it complains of is gone.

Such a test is marked with the templates of its hints (see `support.hints`): `@cures("…")`, or
`cure("…", …)` for a row of a table. It has to hand what was said to the fixture `remedy`, which
fails the test if one of its hints was never said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from support.hints import pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MARK = "cures"


def cures(*templates: str) -> pytest.MarkDecorator:
    """Mark a test that follows these hints."""
    mark: pytest.MarkDecorator = getattr(pytest.mark, _MARK)
    return mark(*templates)


def cure(template: str, *values: object) -> Any:
    """Return a row of a parametrised test that follows a hint."""
    return pytest.param(*values, marks=cures(template), id=template)


class Remedy:
    """Looks for hints in messages.

    Args:
        templates: Those that the test is about.

    Attributes:
        commands: What stands in backquotes in the hint that was found last.
    """

    def __init__(self, templates: Sequence[str]) -> None:
        self.templates = templates
        self.said: set[str] = set()
        self.commands: list[str] = []

    def __call__(self, said: str) -> tuple[str, ...]:
        """Return what is filled in in the first hint of the test that is in a message."""
        found: tuple[str, ...] = ()
        for template in reversed(self.templates):
            match = re.search(f"{pattern(template)}(?:[:;,] [^\n]*)?$", said, re.MULTILINE)
            if match:
                self.said.add(template)
                found = match.groups()
                self.commands = re.findall(r"`([^`]+)`", match[0])
        assert self.said, f"none of {self.templates} in:\n{said}"
        return found


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{_MARK}(hint…): follows these hints of messages")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse tests that claim to follow a hint, and never look for it."""
    for item in items:
        if item.get_closest_marker(_MARK) and "remedy" not in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f"{item.nodeid}: {_MARK} needs the fixture `remedy`")


@pytest.fixture
def remedy(request: pytest.FixtureRequest) -> Iterator[Remedy]:
    """Looks for the hints that the test follows: all of them have to be said."""
    templates = [str(each) for mark in request.node.iter_markers(_MARK) for each in mark.args]
    looking = Remedy(templates)
    failed = request.session.testsfailed
    yield looking
    if request.session.testsfailed > failed:
        return
    missing = [each for each in templates if each not in looking.said]
    assert not missing, f"never said: {missing}"
