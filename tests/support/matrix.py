"""The fault matrix: what may happen to the content of a file, and what has to come of it."""

from __future__ import annotations

from support.fake_repo import BigFile
from support.faults import (
    ALWAYS,
    CDN,
    LATER,
    RESOLVE,
    Fault,
    any_total,
    begins,
    both,
    bytes_of,
    capped,
    cut,
    drips,
    edited,
    ends,
    flipped,
    framed,
    gzipped,
    gzipped_in_members,
    headed,
    lying,
    multipart,
    on_ranges,
    page,
    raw,
    redirect,
    shifted,
    silent,
    stalls,
    status,
    whole,
)
from support.loopback import HangUp, Reset

_MIB = 1 << 20
SMALL = BigFile(3 * _MIB, seed=1)
LARGE = BigFile(16 * _MIB, seed=2)  # several ranges
_LOGIN = page("Log in to this network")
_OTHER = BigFile(LARGE.size, seed=3)
_GAVE_UP = "gave up after [0-9]+ tries"
_OTHER_HASH = "expected sha256-[^ ]{44}, received sha256-"

ONE_ANSWER = Fault(
    "closed instead of a second answer on a connection",
    lambda request, answer: ends(HangUp)(request, answer) if request.turn > 1 else answer(request),
    ALWAYS,
    ranges=True,
)

_CONNECTIONS = [
    Fault("reset instead of an answer", ends(Reset)),
    Fault("reset in the body", edited(cut(0.4, Reset)), ranges=True),
    Fault("resets after each MiB", edited(cut(1, Reset, _MIB)), ALWAYS, ranges=True, waits=True),
    Fault("reset instead of any answer", ends(Reset), ALWAYS, refused=_GAVE_UP),
    Fault("hang-up instead of an answer", ends(HangUp)),
    Fault("hang-up before the body", edited(cut(0))),
    Fault("hang-up in the body", edited(cut(0.6)), ranges=True),
    Fault("cut in the head", raw(b"HTTP/1.1 200 OK\r\nContent-Le"), range(3), ranges=True),
    Fault(
        "cut in a length",
        raw(
            f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/{LARGE.size // 10}".encode()
        ),
        range(3),
        ranges=True,
    ),
    Fault("a head without an end", begins, waits=True),
    Fault("no body, ever", edited(cut(0)), ALWAYS, refused=_GAVE_UP),
    Fault("cut in the last byte", edited(lying(1)), ranges=True),
    Fault("closed after each answer, unannounced", edited(cut()), ALWAYS, ranges=True),
    Fault(
        "closed after each answer, announced",
        edited(headed(Connection="close")),
        ALWAYS,
        ranges=True,
    ),
    ONE_ANSWER,
    Fault("silence instead of an answer", silent, waits=True),
    Fault("silence in the body", edited(stalls(0.3)), range(2), ranges=True, waits=True),
    Fault("silence, always", silent, ALWAYS, refused=_GAVE_UP, waits=True),
    Fault("a byte now and then", edited(drips), range(2), ranges=True, waits=True),
    Fault("only a byte now and then", edited(drips), ALWAYS, refused=_GAVE_UP, waits=True),
]

FRAMES = [
    Fault("chunks", edited(framed("chunked")), ALWAYS, ranges=True),
    Fault("chunks that end too early", both(edited(cut(0.5)), framed("chunked")), ranges=True),
    Fault("no length", edited(framed("close")), ALWAYS, ranges=True),
    Fault("no length, and half of the body", both(edited(cut(0.5)), framed("close")), ranges=True),
    Fault("HTTP/1.0, which knows no ranges", both(whole, framed("http/1.0")), ALWAYS, ranges=True),
    Fault("HTTP/1.0, and half of the body", both(both(whole, cut(0.5)), framed("http/1.0"))),
    Fault("Content-Length too long, once", edited(lying(1000)), ranges=True),
    Fault("Content-Length too long", edited(lying(1000)), ALWAYS, ranges=True),
    Fault("Content-Length too short, once", edited(lying(-1000)), ranges=True),
    Fault("Content-Length far too short", edited(lying(-_MIB)), range(3), ranges=True),
    Fault("Content-Length: -1", edited(headed(Content_Length="-1")), either=True, refused="error"),
    Fault("Content-Length: ²", edited(headed(Content_Length="²")), either=True, refused="error"),
    Fault(
        "two lengths", edited(headed(Content_Length="5, 6")), ALWAYS, either=True, refused="error"
    ),
    Fault("garbage", raw(b"SSH-2.0-OpenSSH_9.2p1\r\n")),
    Fault("nothing but garbage", raw(b"\x16\x03\x01" * 999), ALWAYS, refused=_GAVE_UP),
    Fault(
        "garbage as a chunk", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")
    ),
    Fault(
        "headers without an end",
        raw(b"HTTP/1.1 200 OK\r\n" + b"X-More: yes\r\n" * 999 + b"\r\n"),
        ALWAYS,
        refused="error",
    ),
    Fault(
        "a header without an end",
        raw(b"HTTP/1.1 200 OK\r\nX-More: " + b"yes" * 99_999),
        ALWAYS,
        refused="error",
    ),
]

RANGES = [
    Fault("another Content-Range, once", edited(headed(Content_Range="bytes 5-9/10")), ranges=True),
    Fault(
        "another Content-Range",
        on_ranges(edited(headed(Content_Range="bytes 5-9/10"))),
        ALWAYS,
        ranges=True,
    ),
    Fault(
        "another total in Content-Range",
        on_ranges(edited(headed(Content_Range="bytes 0-4/5"))),
        ranges=True,
    ),
    Fault("no Content-Range", on_ranges(edited(headed(Content_Range=None))), ALWAYS, ranges=True),
    Fault(
        "a Content-Range that is none",
        on_ranges(edited(headed(Content_Range="banana"))),
        ALWAYS,
        ranges=True,
    ),
    *(
        Fault(f"a Content-Range of {what}", edited(headed(Content_Range=value)), ranges=True)
        for what, value in (
            ("a file beyond all measure", f"bytes 0-9/{1 << 70}"),
            ("a size of 5000 digits", f"bytes 0-9/{'9' * 5000}"),
            ("a start of 5000 digits", f"bytes {'9' * 5000}-9/{LARGE.size}"),
        )
    ),
    Fault("the bytes of another range, once", shifted(4096), range(1, 2), ranges=True),
    Fault("the bytes of other ranges", shifted(4096), ALWAYS, refused=_OTHER_HASH, ranges=True),
    Fault("200 to ranges", whole, ALWAYS, ranges=True),
    Fault("200 to later ranges", whole, LATER, ranges=True),
    Fault("416 once", status(416), ranges=True),
    Fault("416 to ranges", on_ranges(status(416)), ALWAYS, ranges=True),
    Fault("416 to later ranges", on_ranges(status(416)), LATER, ranges=True),
    Fault("416 to everything", status(416), ALWAYS, refused="HTTP 416", ranges=True),
    Fault("shorter ranges", capped(_MIB), ALWAYS, ranges=True),
    Fault("a part, to those who asked for the whole", capped(_MIB), ALWAYS),
    Fault("ranges of files of any size", edited(any_total), ALWAYS, ranges=True),
    Fault("multipart/byteranges once", edited(multipart), ranges=True),
    Fault("multipart/byteranges", edited(multipart), ALWAYS, ranges=True),
]

BODIES = [
    Fault("a flipped bit, once", edited(flipped), ranges=True),
    Fault("a flipped bit in a later part", edited(flipped), range(2, 3), ranges=True),
    Fault("flipped bits", edited(flipped), ALWAYS, refused=_OTHER_HASH, ranges=True),
    Fault("gzip", edited(gzipped), ALWAYS),
    Fault("gzip in members", edited(gzipped_in_members), ALWAYS),
    Fault("gzip of the whole to ranges", both(whole, gzipped), ALWAYS, ranges=True),
    Fault("gzip of ranges", edited(gzipped), ALWAYS, ranges=True),
    Fault("gzip of one range", edited(gzipped), range(2, 3), ranges=True),
    Fault("no coding, by name", edited(headed(Content_Encoding="identity")), ALWAYS, ranges=True),
    Fault("gzip that is cut", both(edited(gzipped), cut(most=_MIB))),
    Fault("gzip in name only, once", edited(headed(Content_Encoding="gzip")), ranges=True),
    Fault("gzip in name only", edited(headed(Content_Encoding="gzip")), ALWAYS, refused="error"),
    Fault(
        "an unknown coding",
        edited(headed(Content_Encoding="br")),
        ALWAYS,
        either=True,
        refused="br",
    ),
    Fault("a page instead of the file, once", status(200, page("Maintenance"))),
    Fault(
        "a page instead of the file",
        status(200, _LOGIN, Content_Type="text/html"),
        ALWAYS,
        refused=rf"expected {SMALL.size} bytes, but .* has {len(_LOGIN)} \(text/html\)",
    ),
    Fault(
        "a page of a kind that means to paint the log",
        status(200, _LOGIN, Content_Type="text/\x1b[31mhtml"),
        ALWAYS,
        refused=f"expected {SMALL.size} bytes",
    ),
    Fault(
        "a page instead of later parts",
        status(200, _LOGIN, Content_Type="text/html"),
        LATER,
        refused=rf"expected {LARGE.size} bytes, but .* has {len(_LOGIN)} \(text/html\)",
        ranges=True,
    ),
    Fault("another file for one part", edited(bytes_of(_OTHER)), range(1, 2), ranges=True),
    Fault(
        "another file after the first part",
        edited(bytes_of(_OTHER)),
        LATER,
        refused=_OTHER_HASH,
        ranges=True,
    ),
    Fault(
        "a larger file after the first part",
        edited(bytes_of(BigFile(LARGE.size + _MIB, seed=3))),
        LATER,
        refused=f"expected {LARGE.size} bytes",
        ranges=True,
    ),
    Fault("an ETag that changes", edited(headed(ETag='"1"')), range(1, 9, 2), ranges=True),
    Fault(
        "a commit that changes",
        edited(headed(X_Repo_Commit="1" * 40)),
        range(1, 9, 2),
        where=RESOLVE,
        ranges=True,
    ),
]

STATUSES = [
    *(
        Fault(f"HTTP {code} from the CDN, once", status(code), where=CDN)
        for code in (401, 403, 404, 410)
    ),
    *(
        Fault(f"HTTP {code} from the CDN", status(code), ALWAYS, CDN, f"HTTP {code}")
        for code in (401, 403, 404, 410)
    ),
    *(
        Fault(
            f"HTTP {code} from the endpoint", status(code), ALWAYS, RESOLVE, refused=f"HTTP {code}"
        )
        for code in (400, 401, 403, 404, 410, 451, 501)
    ),
    *(
        Fault(f"HTTP {code} in a burst", status(code), range(4))
        for code in (408, 425, 500, 502, 503, 504)
    ),
    *(
        Fault(f"HTTP {code} in a burst from the endpoint", status(code), range(4), RESOLVE)
        for code in (500, 502, 503, 504)
    ),
    Fault(
        "an error code that means to paint the log",
        status(404, X_Error_Code="\x1b[31mGatedRepo\x07"),
        ALWAYS,
        RESOLVE,
        "HTTP 404",
    ),
    Fault("HTTP 500, always", status(500), ALWAYS, refused=f"{_GAVE_UP}.*HTTP 500"),
    Fault("HTTP 503 for every other part", status(503), range(1, 99, 2), ranges=True),
    Fault("HTTP 204", status(204), ALWAYS, refused="HTTP 204"),
    Fault("HTTP 304", status(304), ALWAYS, refused="HTTP 304"),
    Fault("HTTP 429 without a time", status(429), range(3)),
    *(
        Fault(f"HTTP 429 with Retry-After: {value}", status(429, Retry_After=value))
        for value in (
            "0",
            "-5",
            "²",
            "soon",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 99 Foo 1 1:1:1",
        )
    ),
    Fault("HTTP 429 with a RateLimit that is none", status(429, RateLimit='"api";r=0;t=²')),
]

_ELSEWHERE = "is not HTTP|redirects to"

_REDIRECTS = [
    Fault("a redirect to itself", redirect("?"), ALWAYS, refused="redirects"),
    Fault("a redirect to nowhere", status(302), ALWAYS, refused="HTTP 302"),
    Fault("a redirect to a file", redirect("file:///etc/passwd"), ALWAYS, refused=_ELSEWHERE),
    Fault("a redirect to FTP", redirect("ftp://127.0.0.1/x"), ALWAYS, refused=_ELSEWHERE),
    Fault("a redirect to data", redirect("data:,x"), ALWAYS, refused=_ELSEWHERE),
    *(
        Fault(f"a redirect to {address:.25}", redirect(address), ALWAYS, refused="error")
        for address in (
            "http://[::1",
            "http://",
            "http://127.0.0.1:99999/x",
            "http://127.0.0.1:port/x",
            "http://a b/x",
            "http://hf_\N{LATIN SMALL LETTER U WITH DIAERESIS}:pw@/x",
            "http://" + "a" * 300 + "/x",
            "http://.../x",
        )
    ),
]

CONTENT_FAULTS = [*_CONNECTIONS, *FRAMES, *RANGES, *BODIES, *STATUSES, *_REDIRECTS]
"""What may happen to the content of a file that is pinned by its sha256."""

assert len({fault.name for fault in CONTENT_FAULTS}) == len(CONTENT_FAULTS)
