"""XML of S3, and of servers that want to be expensive."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import strategies

from aimodels_fetcher.http_errors import refusal
from aimodels_fetcher.sources.s3.objects import parse_page
from aimodels_fetcher.xml import elements
from support.environment import CHECKOUT
from support.fuzzing import fuzz

_HUGE = 8 << 20


def test_elements_come_after_what_is_in_them() -> None:
    body = b"<?xml version='1.0'?><a xmlns='urn:x' xmlns:s='urn:y'><s:b>1<c/>2</s:b></a>"
    assert list(elements(body)) == [(("a", "b", "c"), ""), (("a", "b"), "12"), (("a",), "")]


def test_what_is_there_comes_before_the_end() -> None:
    """So that no more than a piece of it is in memory."""
    found = elements(b"<a>" + b"<b>1</b>" * 9999 + b"<<<")
    assert next(found) == (("a", "b"), "1")
    with pytest.raises(ValueError, match="not well-formed"):
        list(found)


@pytest.mark.parametrize(
    "declaration", ["", '<?xml version="1.0" encoding="klingon"?>', '<?xml version="1.0"?>']
)
def test_the_encoding_is_that_of_s3(declaration: str) -> None:
    assert list(elements(f"{declaration}<a>ü</a>".encode())) == [(("a",), "ü")]
    with pytest.raises(ValueError, match="not well-formed"):
        list(elements(f"{declaration}<a>ü</a>".encode("latin-1")))


_DECLARED = '<?xml version="1.0" encoding="{}"?><!DOCTYPE a [<!ENTITY x "{}">]><a>&x;</a>'


@pytest.mark.parametrize(
    "body",
    [
        _DECLARED.format("UTF-8", "y").encode(),
        _DECLARED.format("UTF-16", "y").encode("utf-16"),
        _DECLARED.format("UTF-16", "y").encode("utf-16-be"),
        _DECLARED.format("UTF-7", "y").replace("<!", "+ADwAIQ-").encode(),
        _DECLARED.format("UTF-32", "y").encode("utf-32"),
        b"<a>&x;</a>",
        b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        b"",
        b"\0",
        b"<a>\0</a>",
        b"<a>",
        b"<a/><a/>",
        b"<a></b>",
        b"<a>&#55296;</a>",
    ],
)
def test_what_s3_never_says(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the words are expat's)
        list(elements(body))


_EXPENSIVE = {
    "nesting": "b'<a>' * (SIZE // 3)",
    "elements": "b'<r>' + b'<a/>' * ((SIZE - 7) // 4) + b'</r>'",
    "names": "b'<r>' + b''.join(b'<a%d/>' % n for n in range(900_000))",
    "attributes": "b'<r ' + b' '.join(b'a%x=\"\"' % n for n in range(700_000)) + b'/>'",
    "comments": "b'<r><!--' + b'<' * (SIZE - 20) + b'--></r>'",
    "rows": "b'<ListBucketResult>' + b'<Contents/>' * (SIZE // 12)",
    "prefixes": "b'<ListBucketResult>' + b'<CommonPrefixes><Prefix>a</Prefix></CommonPrefixes>'"
    " * 160_000",
    "size": "b'<r>' + b'x' * SIZE + b'</r>'",
}


@pytest.mark.parametrize("body", _EXPENSIVE.values(), ids=_EXPENSIVE)
def test_expensive_documents(body: str) -> None:
    """In a process of its own, with room for the document and little else."""
    code = f"""
import resource, sys
sys.path.insert(0, {str(CHECKOUT / "nix/fetcher")!r})
from aimodels_fetcher.sources.s3.objects import parse_page
from aimodels_fetcher.xml import elements
SIZE = {_HUGE}
body = {body}
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (40 << 20),) * 2)
for parse in (lambda: parse_page(body, ""), lambda: sum(1 for _ in elements(body))):
    try:
        parse()
    except ValueError:
        print("refused")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("refused\nrefused\n", "")


_LISTING = ("ListBucketResult", "Contents", "Key", "Size", "ETag", "CommonPrefixes", "Prefix")
_SETTINGS = ("IsTruncated", "EncodingType", "NextContinuationToken")
_REFUSAL = ("Error", "Code", "Region", "Message")
_NAMES = strategies.sampled_from([*_LISTING, *_SETTINGS, *_REFUSAL])
_TEXTS = strategies.one_of(
    strategies.text(max_size=9),
    strategies.sampled_from(
        ["true", "url", "it/x", "it/", "1", "-1", "1e9", "9" * 5000, "%ff", "&"]
    ),
)
_TREES = strategies.recursive(
    _TEXTS,
    lambda inner: strategies.builds(
        lambda name, parts: f"<{name}>{''.join(parts)}</{name}>",
        _NAMES,
        strategies.lists(inner, max_size=6),
    ),
    max_leaves=30,
)
_ROOTS = strategies.builds(lambda name, inner: f"<{name}>{inner}</{name}>", _NAMES, _TREES)
_BODIES = strategies.one_of(
    strategies.binary(max_size=200),
    _ROOTS.map(lambda text: text.encode("utf-8", "replace")),
    strategies.builds(
        lambda inner: f"<ListBucketResult>{inner}</ListBucketResult>".encode("utf-8", "replace"),
        strategies.lists(_ROOTS, max_size=5).map("".join),
    ),
)


@fuzz(body=_BODIES)
def test_any_page(body: bytes) -> None:
    """It is a page, or no page."""
    try:
        page = parse_page(body, "it/")
    except ValueError:
        return
    assert all((file.size or 0) >= 0 for file in page.files)
    assert page.token is None or page.token


@fuzz(body=_BODIES)
def test_any_refusal(body: bytes) -> None:
    error = refusal(404, "http://127.0.0.1/", {"x-amz-bucket-region": "evil.example.org/\n"}, body)
    assert len(str(error).splitlines()) == 1
    assert "/" not in error.region + error.code
