"""The `Link` header."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import strategies as st

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.links import next_page
from aimodels_fetcher.sources.huggingface.listing import next_page as next_at_endpoint
from support.fuzzing import fuzz

URL = "https://hub.example/api/models/a/b/tree/1?cursor=x%3D,y;z"
PATH = "/api/models/a/b/tree/1"


@pytest.mark.parametrize(
    "header",
    [
        f'<{URL}>; rel="next"',
        f"<{URL}>; rel=next",
        f"<{URL}>;rel=next",
        f"<{URL}> ; REL = NEXT",
        f'<{URL}>; rel="last next"',
        f'<{URL}>; rel="NEXT"; title="a"',
        f'<{URL}>; title="a, <b>; rel=prev"; rel="next"',
        f'<{URL}>; title="a=\\"b"; rel="next"',
        f'<https://x.example/>; rel="prev", <{URL}>; rel="next"',
        f'<https://x.example/?rel=next>; rel="xet-auth",<{URL}>; rel="next", <y>; rel=next',
        f"<https://x.example/>, <{URL}>; rel=next",
        f'< {URL} >; rel="next"; rel="prev"',
        f'<{URL}>; crossorigin; rel="next"',
    ],
)
def test_the_next_page(header: str) -> None:
    assert next_page(header) == URL


@pytest.mark.parametrize(
    "header",
    [
        *("", "next", "<>", f"<{URL}>", f'<{URL}>; rel="prev"; rel="next"', f"{URL}; rel=next"),
        *(f'<{URL}>; rel="nextpage"', f'<{URL}>; title="; rel=next"', f"<{URL}>; xrel=next"),
        *(f'<{URL}; rel="next"', f'<{URL}>; rel="', f"<{URL}>; rel*=next"),
    ],
)
def test_no_next_page(header: str) -> None:
    assert next_page(header) is None


def test_an_empty_target_is_the_page_itself() -> None:
    assert next_page("<>; rel=next") == "#"
    assert urljoin(URL, "#") == URL


@pytest.mark.parametrize("part", ["<", "<a>", '<a>;"', '<a>;"\\', ";rel", '<a>;a="'])
def test_a_long_header_takes_no_long_time(part: str) -> None:
    assert next_page(part * 20_000) is None


@fuzz(header=st.text(st.sampled_from('<>;,="\\ relnxt*?&/:%'), max_size=60))
def test_any_header(header: str) -> None:
    found = next_page(header)
    assert found in {None, "#"} or found in header


@pytest.mark.parametrize("prefix", ["", "/hf", "/api", "/api/huggingfaceml/models"])
@pytest.mark.parametrize(
    "link",
    [
        "https://huggingface.co/api/models/a/b/tree/1?cursor=x%3D",
        "http://10.0.0.1:8080/api/models/a/b/tree/1?cursor=x%3D",
        "https://user:secret@huggingface.co/api/models/a/b/tree/1?cursor=x%3D#fragment",
        "https://mirror.example{prefix}/api/models/a/b/tree/1?cursor=x%3D",
        "https://origin.example/behind/the/mirror/api/models/a/b/tree/1?cursor=x%3D",
    ],
)
def test_the_endpoint_stays(prefix: str, link: str) -> None:
    endpoint = f"https://me:pw@mirror.example{prefix}"
    found = next_at_endpoint(link.format(prefix=prefix), endpoint, "/api/models/", "mirror")
    assert found == f"{endpoint}{PATH}?cursor=x%3D"


@pytest.mark.parametrize(
    "link",
    [
        *("javascript:alert(1)", "file:///etc/passwd", "ftp://hub.example/api/models/a/b/tree/1"),
        *("https://hub.example/", "https://hub.example/login?next=/api/models/", "data:,x", ""),
        *("https://hub.example/api/datasets/a/b/tree/1", "https://hub.example/xapi/models/a"),
    ],
)
def test_what_is_no_page_of_a_listing(link: str) -> None:
    with pytest.raises(FetchError, match="as the next page, but that is not a listing"):
        next_at_endpoint(link, "https://hub.example", "/api/models/", "https://hub.example")


@fuzz(path=st.text(st.sampled_from("/apimodels.%?#@:\\"), max_size=60))
def test_no_link_leads_to_another_server(path: str) -> None:
    try:
        found = next_at_endpoint(
            f"https://x.example{path}", "https://e.example", "/api/models/", ""
        )
    except (FetchError, ValueError):
        return
    assert urlsplit(found).netloc == "e.example"
