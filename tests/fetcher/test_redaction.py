"""Secrets that are known, in whatever form a server repeats them."""

from __future__ import annotations

import base64
from urllib.parse import quote, quote_plus

import pytest

from aimodels_fetcher import redaction
from aimodels_fetcher.http_errors import refusal
from aimodels_fetcher.log import redirected, say, to_stderr
from aimodels_fetcher.redaction import MASK, holds_secret, redacted

SECRET = "hunter2/+ö=@"
FORMS = [
    SECRET,
    quote(SECRET),
    quote(SECRET, ""),
    quote_plus(SECRET),
    base64.b64encode(SECRET.encode()).decode(),
]
LOGIN = f"http://me:{quote(SECRET, '')}@127.0.0.1:9"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HF_TOKEN", f"{SECRET}\n"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", SECRET),
        ("http_proxy", LOGIN),
        ("ALL_PROXY", LOGIN),
        ("HF_ENDPOINT", f"https://huggingface.co {LOGIN}"),
        ("AWS_ENDPOINT_URL_S3", LOGIN),
    ],
)
def test_what_is_in_a_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, form: str
) -> None:
    assert redacted(f"a {form} b") == f"a {form} b"
    monkeypatch.setenv(variable, value)
    assert redacted(f"a {form} b").replace("=", "") == f"a {MASK} b"
    assert holds_secret(f"a{form}b")


def test_what_basic_authentication_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", LOGIN)
    coded = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert coded.rstrip("=") not in redacted(f"Basic {coded}")


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hunter2/x@127.0.0.1:9",
        "http://me:12/hunter2@127.0.0.1:9",
        "http:me:hunter2@127.0.0.1",
        "me:hunter2@127.0.0.1:9",
        "http:\\\\me:hunter2@127.0.0.1",
        "http://hunter2@127.0.0.1",
        "http://me:hunter2",
    ],
)
def test_a_login_in_what_is_no_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("http_proxy", url)
    assert "hunter2" not in redacted(f"Failed to parse: {url}/path")


def test_words_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is short is in many words, and a name may be somebody's password."""
    monkeypatch.setenv("http_proxy", "http://me:pw@127.0.0.1:9")
    assert redacted("pw me upward") == "pw me upward"
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert redacted("http://127.0.0.1:3128") == "http://127.0.0.1:3128"
    monkeypatch.setenv("http_proxy", "http://")
    assert redacted("http://127.0.0.1:3128") == "http://127.0.0.1:3128"
    monkeypatch.setenv("http_proxy", "proxy.example:3128")
    assert redacted("http://proxy.example:3128") == "http://proxy.example:3128"
    monkeypatch.setenv("http_proxy", "http://me:main@127.0.0.1:9")
    assert not holds_secret("main")


def test_lines_of_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_hunter2")
    with redirected(to_stderr):
        say("the server says hf_hunter2\n")
    assert capsys.readouterr().err == f"the server says {MASK}\\n\n"


def test_what_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_learned", set())
    redaction.learn("hf_hunter2", None, "")
    assert redacted("hf_hunter2 x") == f"{MASK} x"


def test_a_secret_that_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_hunter2hunter2")
    error = refusal(400, "http://h/", {"X-Error-Message": "x" * 290 + "hf_hunter2hunter2"})
    assert "hf_" not in error.detail
