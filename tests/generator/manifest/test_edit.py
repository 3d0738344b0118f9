"""Edits of a models.toml: what is meant changes, and not a byte besides."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import example
from hypothesis import strategies as st

from aimodels_gen.manifest import edit
from aimodels_gen.manifest.parse import read_toml
from support.fuzzing import fuzz

NEW: dict[str, Any] = {"source": {"huggingface": {"repo": "org/new"}}, "include": ["*.json"]}
LINES = 'source.huggingface = { repo = "org/new" }\ninclude = ["*.json"]'
A = 'source.huggingface = { repo = "org/a" }'

# A manifest, what follows it once a model is added, and what is left without the model `a`.
FORMS = [
    ("", f"[models.new]\n{LINES}\n", None),
    ('[output]\nfile = "x"\n', f"\n[models.new]\n{LINES}\n", None),
    (f"[models.a]\n{A}\n", f"\n[models.new]\n{LINES}\n", ""),
    (f"[models.a]\n{A}", f"\n\n[models.new]\n{LINES}", ""),
    (
        f"[output]\nfile = 'x'\n[models.a] # a\n{A}\n",
        f"[models.new]\n{LINES}\n",
        "[output]\nfile = 'x'\n",
    ),
    (
        f'models.a.source.huggingface.repo = "org/a"\nmodels.a.pin = "tree"\nmodels.b.{A}\n',
        "".join(f"models.new.{line}\n" for line in LINES.splitlines()),
        f"models.b.{A}\n",
    ),
    (
        f"[models]\n  a.{A}\n  b.{A} # b",
        "".join(f"\n  new.{line}" for line in LINES.splitlines()),
        f"[models]\n  b.{A} # b",
    ),
    (
        f"[models]\nb = {{ {A} }}\n# a\na = {{ {A} }}\n",
        'new = { source = { huggingface = { repo = "org/new" } }, include = ["*.json"] }\n',
        f"[models]\nb = {{ {A} }}\n",
    ),
    (
        f"  [models.b]\n  {A}\n\n  # a\n  [models.a.source.huggingface]\n  repo = 'org/a'\n",
        f"\n  [models.new]\n  {LINES}\n".replace("\ninc", "\n  inc"),
        f"  [models.b]\n  {A}\n",
    ),
]


@pytest.mark.parametrize(("text", "more", "rest"), FORMS)
def test_all_forms(text: str, more: str, rest: str | None) -> None:
    assert edit.add(text, "new", NEW) == text + more
    assert edit.remove(text + more, "new") == text
    if rest is not None:
        assert edit.remove(text, "a") == rest


def test_inline_tables() -> None:
    text = f"x = 1\nmodels = {{ b = {{ {A} }},  a.{A}, a.pin = 'tree' }} # all\n"
    added = edit.add(text, "new", NEW)
    pair = ', new = { source = { huggingface = { repo = "org/new" } }, include = ["*.json"] }'
    assert added == text.replace(" } # all", f"{pair} }} # all")
    assert edit.remove(added, "new") == text
    assert edit.remove(text, "a") == f"x = 1\nmodels = {{ b = {{ {A} }} }} # all\n"
    assert edit.remove(edit.remove(text, "a"), "b") == "x = 1\nmodels = {} # all\n"
    assert edit.add("models = {}", "n", {"pin": "tree"}) == 'models = { n = { pin = "tree" } }'
    assert edit.rename(text, "a", "c.d") == text.replace("a.s", '"c.d".s').replace("a.p", '"c.d".p')


SPREAD = """\
#:schema https://example.org/schema.json
# My models.

[models.a] # first
source.url.files."a.gguf" = "https://example.org/a#b"
include = [
  "*.json", # [models.c]
  '''
[models.a]
''',
]

# About the output.
[output]
file = "models.nix"

# About b.
[models.b]
source.huggingface = { repo = "org/b" }
# pin = "tree"

[[models.a.fallbacks]]
url.files."a.gguf" = "https://example.com/a"
# More options:
[defaults]
layout = "link"

# The end.
"""


def test_a_model_in_several_places() -> None:
    assert edit.remove(SPREAD, "a") == (
        "#:schema https://example.org/schema.json\n# My models.\n\n"
        + SPREAD[SPREAD.index("# About the output") : SPREAD.index("\n[[")]
        + SPREAD[SPREAD.index("# More") :]
    )
    renamed = edit.rename(SPREAD, "a", "a-2")
    changed = list(difflib.ndiff(SPREAD.split("\n"), renamed.split("\n")))
    assert [line for line in changed if line[:1] in "+-"] == [
        "- [models.a] # first",
        "+ [models.a-2] # first",
        "- [[models.a.fallbacks]]",
        "+ [[models.a-2.fallbacks]]",
    ]


def test_comments_belong_to_what_they_are_about() -> None:
    text = SPREAD.replace("# More options:\n", "")
    rest = edit.remove(text, "b")
    assert "# About b" not in rest
    assert '# pin = "tree"' not in rest
    for line in ("# My models.", "# About the output.", "# The end.", "#:schema"):
        assert line in rest
    # One in front of the next table is about that, and one at the top about the file.
    assert edit.remove(f"# File\n[models.a]\n{A}\n# B\n[models.b]\n{A}\n", "a") == (
        f"# File\n# B\n[models.b]\n{A}\n"
    )
    # One between two is about neither, whether both go together or not.
    both = f"[models.a]\n{A}\n\n# More:\n\n# B\n[models.b]\n{A}\n\n[models.c]\n{A}\n"
    assert edit.remove(both, "a", "b") == f"# More:\n\n[models.c]\n{A}\n"
    assert edit.remove(both, "b", "a") == f"# More:\n\n[models.c]\n{A}\n"


@pytest.mark.parametrize(
    ("old", "new", "header"),
    [
        ("a", "b", "b"),
        ("a", "b.c", '"b.c"'),
        ('"a.b"', "c", "c"),
        ("'a.b'", "c.d", "'c.d'"),
        ('"a"', "c", '"c"'),
    ],
)
def test_quotes(old: str, new: str, header: str) -> None:
    """They stay where they are needed, and where they are a habit."""
    text = f"[ models . {old} ]\n{A}\n"
    name = old.strip("'\"")
    assert edit.rename(text, name, new) == f"[ models . {header} ]\n{A}\n"
    assert edit.remove(text, name) == ""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends(newline: str) -> None:
    text = SPREAD.replace("\n", newline)
    added = edit.add(text, "new.1", NEW)
    assert added.count("\r\n") == (added.count("\n") if newline == "\r\n" else 0)
    assert '[models."new.1"]' in added
    assert edit.remove(added, "new.1") == text
    assert edit.remove(text, "b") == edit.remove(SPREAD, "b").replace("\n", newline)


_NAMES = st.sampled_from(["a", "b", '"c.d"', "'e f'", "source"])
_PIECES = st.one_of(
    st.sampled_from(["", "  ", "# comment", "#[models.a]"]),
    st.builds("[models.{}] # about".format, _NAMES),
    st.builds("[models.{}.source.huggingface]".format, _NAMES),
    st.builds("[[models.{}.fallbacks]]".format, _NAMES),
    st.builds("{} = {{ {} = [ 'x', # y\n ] }}".format, _NAMES, _NAMES),
    st.builds("models.{}.pin = '''\n[x]'''".format, _NAMES),
    st.builds('models = {{ {} = {{}}, {}.b.c = "}}" }}'.format, _NAMES, _NAMES),
    st.sampled_from(["[models]", "[output]", "[defaults]", 'k = """\\""""']),
)


@fuzz(
    pieces=st.lists(_PIECES, max_size=8), newline=st.sampled_from(["\n", "\r\n"]), end=st.booleans()
)
@example(pieces=["models = {}"], newline="\n", end=False)
def test_what_is_added_can_be_removed(pieces: list[str], newline: str, *, end: bool) -> None:
    text = newline.join(piece.replace("\n", newline) for piece in pieces) + newline * end
    try:
        data = read_toml(text, "x")
    except Exception:  # noqa: BLE001 - not TOML
        return
    models = data.get("models", {})
    if not isinstance(models, dict) or "new" in models:
        return
    added = edit.add(text, "new", NEW)
    assert read_toml(added, "x") == {**data, "models": {**models, "new": NEW}}
    assert edit.remove(added, "new") == text
    for name in models:
        rest = edit.remove(text, name)
        wanted = {key: value for key, value in models.items() if key != name}
        assert {"models": {}, **read_toml(rest, "x")} == {**data, "models": wanted}
        renamed = edit.rename(text, name, "n-1")
        assert read_toml(renamed, "x") == {**data, "models": {**wanted, "n-1": models[name]}}
        assert edit.rename(renamed, "n-1", name).replace('"', "'") == text.replace('"', "'")
