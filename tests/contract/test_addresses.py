"""The generator and the Nix library refuse the same URLs, for the same reasons."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimodels_fetcher import urls
from support import addresses
from support.expressions import literal
from support.nix import available

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.nix import NixEnv

Judgement = tuple[bool, bool, bool]

# Printable ASCII, what percent-encodes it, and words that matter.
_PIECES = st.one_of(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E),
    st.sampled_from(["%25", "%3F", "%3d", "%26", "?", "&", ";", "=", "@", "ä", "/", ":", "\\"]),
    st.sampled_from(["token", "TO", "%4B", "%4b", "EN", "key", "sig", "-", "_", "code", "auth"]),
)
_URLS = st.lists(_PIECES, max_size=30).map(lambda pieces: "http://h/" + "".join(pieces))


def ours(url: str) -> Judgement:
    return urls.is_file(url), urls.has_query(url), urls.holds_secret(url)


def nixes(nix: NixEnv, given: Sequence[str]) -> list[Judgement]:
    found = nix.eval(
        "let urls = import ./nix/urls.nix; in map"
        " (url: [ (urls.isFile url) (urls.hasQuery url) (urls.hasSecret url) ])"
        f" (builtins.fromJSON {literal(json.dumps(given))})"
    )
    return [tuple(one) for one in found]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (addresses.FINE, (True, False, False)),
        (addresses.HARMLESS, (True, True, False)),
        (addresses.SECRET, (True, True, True)),
    ],
    ids=["fine", "harmless", "secret"],
)
def test_what_is_refused(given: Sequence[str], expected: Judgement) -> None:
    # Spaces and encoded question marks are no URLs and no queries: what holds a secret is refused.
    wrong = {url: ours(url) for url in given if ours(url)[2] != expected[2]}
    assert wrong == {}
    if not expected[2]:
        assert {url: ours(url) for url in given if ours(url) != expected} == {}


def test_what_is_no_url_of_a_file() -> None:
    assert [url for url in addresses.BAD if urls.is_file(url)] == []


def test_nix_refuses_the_same(host_nix: NixEnv) -> None:
    found = dict(zip(addresses.ALL, nixes(host_nix, addresses.ALL), strict=True))
    assert {url: one for url, one in found.items() if one != ours(url)} == {}


@given(st.lists(_URLS, min_size=40, max_size=40))
@settings(max_examples=10, deadline=None)
def test_nix_refuses_the_same_of_anything(given: list[str]) -> None:
    with available("host") as nix:
        found = dict(zip(given, nixes(nix, given), strict=True))
    assert {url: one for url, one in found.items() if one != ours(url)} == {}
