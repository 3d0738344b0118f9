from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimodels_gen.nix import literal
from generator.helpers import evaluate

if TYPE_CHECKING:
    from pathlib import Path

TRICKY = [
    "",
    "${x}",
    "$${x}",
    "$$${x}",
    "\\${x}",
    "\\\\${x}",
    "$",
    "$\\{",
    "''${x}''",
    'say "hi"',
    "a\nb\tc\rd\r\ne",
    "\x01\x08\x0b\x0c\x1b\x7f\x85\u2028",
    "é 日本 🤖 \ufeff",
    "-- # /* */ //",
    "end\\",
    "end$",
]
NAMES = ["or", "if", "rec", "inherit", "true", "null", "a-b", "a'", "_", "1a", "a.b", "", *TRICKY]
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


def read_back(nix: str, directory: Path) -> Any:
    (directory / "value.nix").write_text(nix, encoding="utf-8")
    return evaluate("import ./value.nix", directory)


def test_tricky_strings_and_names_survive(tmp_path: Path) -> None:
    values = {"strings": TRICKY, "set": {name: index for index, name in enumerate(NAMES)}}
    assert read_back(literal.literal(values), tmp_path) == values


def test_anything_survives(tmp_path: Path) -> None:
    """Collect many examples and let one Nix evaluate them all."""
    examples: list[Any] = []

    @settings(max_examples=300, database=None, suppress_health_check=list(HealthCheck))
    @given(VALUES)
    def collect(value: Any) -> None:
        examples.append(value)

    collect()
    assert len(examples) > 100
    assert read_back(literal.literal(examples), tmp_path) == examples


@pytest.mark.parametrize("bad", ["a\0b", "\ud800"])
def test_what_no_nix_string_can_hold_is_refused(bad: str) -> None:
    for write in (literal.string, literal.attribute, literal.literal):
        with pytest.raises(ValueError):  # noqa: PT011 - UnicodeEncodeError has its own words
            write(bad)


@pytest.mark.parametrize("bad", [1.5j, b"x", object(), {"a": {1}}])
def test_other_types_are_refused(bad: object) -> None:
    with pytest.raises(TypeError, match="no Nix literal for"):
        literal.literal(bad)


def test_integers_beyond_64_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        literal.literal(2**63)


@pytest.mark.parametrize("bad", [float("inf"), float("-inf"), float("nan")])
def test_numbers_that_nix_does_not_have_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not a number of Nix"):
        literal.literal([bad])


def test_fractions_survive(tmp_path: Path) -> None:
    fractions = [0.7, -0.7, 1.0, 0.0, -0.0, 1e-05, 1e16, -2.5e-10, 1e300]
    kinds = f"map (x: builtins.isFloat x) {literal.literal(fractions)}"
    assert read_back(kinds, tmp_path) == [True] * len(fractions)
    same = f"{literal.literal(fractions)} == builtins.fromJSON {literal.string(str(fractions))}"
    assert read_back(same, tmp_path) is True


def test_layout_is_that_of_nixfmt() -> None:
    value = {
        "one": {"chain": {"of": "singletons"}},
        "two": {"a": 1, "b": [True, None]},
        "empty": {},
        "list": ["x"],
        "none": [],
    }
    assert literal.literal(value) == (
        """\
{
  one.chain.of = "singletons";
  two = {
    a = 1;
    b = [
      true
      null
    ];
  };
  empty = { };
  list = [ "x" ];
  none = [ ];
}"""
    )
