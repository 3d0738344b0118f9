"""Every next step that a message names is followed by a test, which shows that it helps."""

from __future__ import annotations

from support.hints import claims, hints, nix_hints


def test_every_hint_is_followed_by_a_test() -> None:
    """A new one needs a test with `cures`, or a row with `cure` (see support.remedies)."""
    unproven = {**hints(), **nix_hints()}
    for template in claims():
        unproven.pop(template, None)
    assert unproven == {}


def test_no_test_follows_what_no_message_says() -> None:
    stale = {
        template: test
        for template, test in claims().items()
        if template not in hints() and template not in nix_hints()
    }
    assert stale == {}


def test_enough_is_found() -> None:
    """The search reads the code, and would not notice that it finds nothing."""
    assert len(hints()) > 200
    assert len(nix_hints()) > 50
    found = [hint for hint in (*hints(), *nix_hints()) if "`aimodels-gen" in hint]
    assert len(found) > 8
