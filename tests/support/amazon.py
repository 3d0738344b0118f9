"""Amazon's S3 as far as its hosts go: moto behind TLS, reached through a proxy by Amazon's names.

What buckets and regions are called in host names, who certifies them, and what a request in the
wrong region gets, is then as it is there.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from support import s3
from support.loopback import Response
from support.proxy import Proxy
from support.recording_proxy import RecordingProxy
from support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.loopback import Request

_NAMES = (
    "DNS:s3.amazonaws.com, DNS:*.s3.amazonaws.com,"
    " DNS:*.s3.eu-central-1.amazonaws.com, DNS:s3.eu-central-1.amazonaws.com,"
    " DNS:*.s3.eu-west-1.amazonaws.com, DNS:s3.us-east-1.amazonaws.com,"
    " DNS:*.s3.us-east-1.amazonaws.com"
)


class Amazon:
    """The buckets of `moto` are in `region`; `env` is what leads clients here."""

    def __init__(
        self, moto: s3.Moto, recording_proxy: RecordingProxy, proxy: Proxy, authority: Authority
    ) -> None:
        self.moto = moto
        self.recording_proxy = recording_proxy
        self.region = "eu-central-1"
        self.env = {
            **s3.ENV,
            "https_proxy": proxy.url,
            # One for everybody, and the one of the programs of AWS.
            "SSL_CERT_FILE": str(authority.bundle),
            "AWS_CA_BUNDLE": str(authority.bundle),
        }
        recording_proxy.faults = self.answer

    def answer(self, request: Request) -> Response | None:
        """What Amazon answers where moto, which has no places, would just answer."""
        there = {"x-amz-bucket-region": self.region}
        if request.method == "HEAD" and urlsplit(request.path).path == "/":
            return Response(403, there)
        host = request.headers["host"]
        if f".{self.region}." not in host and host.endswith(".amazonaws.com"):
            code = "PermanentRedirect"
            message = f"<Endpoint>{self.region}</Endpoint><Message>Elsewhere.</Message>"
            body = f"<Error><Code>{code}</Code>{message}</Error>".encode()
            return Response(301, {**there, "Content-Type": "application/xml"}, body)
        answer = self.recording_proxy.forward(request)
        return Response(answer.status, {**answer.headers, **there}, answer.body, answer.framing)

    @property
    def hosts(self) -> set[str]:
        return {request.headers["host"] for request in self.recording_proxy.log}


@contextlib.contextmanager
def amazon(directory: Path) -> Iterator[Amazon]:
    authority = Authority.make(directory)
    with contextlib.ExitStack() as stack:
        moto = stack.enter_context(s3.Moto(directory))
        recording_proxy = stack.enter_context(RecordingProxy(moto.url, authority.server(_NAMES)))
        proxy = Proxy(instead=urlsplit(recording_proxy.url).netloc)
        stack.callback(proxy.close)
        yield Amazon(moto, recording_proxy, proxy, authority)
