"""Whatever a manifest holds, its mistakes are told: nothing that is guessed on the way fails."""

from __future__ import annotations

from typing import Any

from hypothesis import example
from hypothesis import strategies as st

from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.parse import parse
from aimodels_gen.manifest.toml_lines import dotted, value
from support.fuzzing import fuzz

KEYS = st.sampled_from(
    [
        *("source", "huggingface", "s3", "url", "integration", "fallbacks", "include", "exclude"),
        *("repo", "ref", "rev", "repo_type", "endpoint", "revision", "branch", "repo_id", "type"),
        *("bucket", "prefix", "region", "files", "quant", "sha256", "name", "org", "model", "pin"),
        *("layout", "allow_patterns", "source.s3", "qwen2.5", "enable", "hash"),
    ]
)
ADDRESSES = st.lists(
    st.sampled_from(
        [
            *("https://", "hf://", "s3://", "huggingface.co", "/", "datasets/", "org", "name"),
            *("tree/", "blob/", "resolve/", "main", "refs%2Fpr%2F3", "@", ":", "Q4_K_M", "?a=b"),
            *("user:hunter2@", "git clone ", 'from_pretrained("a/b")', "arn:aws:s3:::b/p", "#x"),
            *("uvx hf download ", "ollama run hf.co/", "docker run x --model ", "&& ", "[x](", ")"),
            *("show_file_info=x", "\u200b", "--token hunter2 ", "HF_TOKEN=hunter2 ", "'", "\\"),
            *("b.s3.eu-central-1.amazonaws.com", "..", "%", "[", '"', " ", "\n", "a" * 40, "[::1]"),
        ]
    ),
    max_size=7,
).map("".join)
VALUES = st.recursive(
    ADDRESSES | st.booleans() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
TABLES = st.lists(
    st.tuples(
        st.sampled_from([("models", "m"), ("defaults",), ("output",), ("models",), ("m",)])
        | ADDRESSES.map(lambda name: ("models", name)),
        st.dictionaries(KEYS, VALUES, max_size=4),
    ),
    max_size=3,
)


@fuzz(tables=TABLES)
@example(tables=[(("defaults",), {"files": ["", {}]})])
@example(tables=[(("models", "m"), {"include": [{}, True], "files": "http://"})])
def test_any_table(tables: list[tuple[tuple[str, ...], dict[str, Any]]]) -> None:
    lines = []
    for path, table in tables:
        lines.append(f"[{dotted(path)}]")
        lines += [f"{dotted((key,))} = {value(item)}" for key, item in table.items()]
    check("\n".join(lines))


LINES = st.lists(
    st.sampled_from(
        [
            *(
                "[models.m]",
                "[",
                "]",
                "models",
                "source",
                ".",
                "huggingface",
                " = ",
                ": ",
                "{ ",
                " }",
            ),
            *(
                "repo",
                '"',
                "'",
                "org/name",
                ",",
                "; ",
                "\n",
                "\u201c",
                "True",
                "None",
                "// ",
                "#",
                " ",
            ),
            *(
                "user:hunter2@h",
                "token",
                "https://huggingface.co/",
                "hf download ",
                "<<<<<<< ",
                "=",
                "@",
            ),
        ]
    ),
    max_size=24,
).map("".join)


@fuzz(text=st.text(st.sampled_from("models.q2 =[]{}\"'\n#,:/x“”\t;@()-")) | LINES)
def test_any_text(text: str) -> None:
    check(text)


def check(text: str) -> None:
    """What is told is one line and shows no secret; what is right is right."""
    try:
        parse(text)
    except ManifestError as error:
        said = f"{error.message}{error.hint}"
        assert "hunter2" not in said
        assert "\n" not in said
