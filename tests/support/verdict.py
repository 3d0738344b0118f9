"""What has come of a run against a server that misbehaves: never wrong bytes, never a secret."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from support.fake_repo import BigFile, sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from support.fake_repo import Content
    from support.fetcher import Run
    from support.hub import Hub

SURVIVED, REFUSED = "survived", "refused"
TOKEN = "hf_s3cretOfTheTests"


@dataclass
class Verdict:
    """Judges runs, and counts them: `record` takes an outcome and a number.

    Args:
        hub: Where they fetched, with the TOKEN or without one.
        record: pytest's `record_property`.
    """

    hub: Hub
    record: Callable[[str, int], None]

    def __call__(
        self,
        run: Run,
        content: Content | Mapping[str, Content],
        *,
        refused: str = "",
        either: bool = False,
        count: int = 1,
    ) -> None:
        """Fail unless what came of it is right.

        Args:
            run: What the fetcher did.
            content: What it should have fetched: a file, or the files of an entry.
            refused: What it has to say (a pattern) if it is to refuse.
            either: Whether surviving is right as well.
            count: How many faults that were.
        """
        check_log(run.log)
        check_tokens(self.hub)
        if run.status == 0:
            check_output(run.out, content)
            assert either or not refused, run.log
        else:
            assert run.status == 1, run.log
            assert len(re.findall("^error: .+$", run.log, re.MULTILINE)) == 1, run.log
            assert not run.out.is_file(), "a file that may pass for a whole one"
            assert not (run.out / "refs").exists(), "an entry that looks finished"
            assert refused, run.log
            said = run.log[run.log.index("error: ") :]
            assert re.search(refused, said), run.log
            assert "\nhint: " in said, f"no next step: {run.log}"
            if isinstance(content, (bytes, BigFile)):
                assert re.search("[.](safetensors|json)", said), f"which file? {run.log}"
        self.record(SURVIVED if run.status == 0 else REFUSED, count)


def check_log(log: str) -> None:
    assert "Traceback" not in log, log
    assert log.replace("\n", "").isprintable(), repr(log)
    for secret in (TOKEN, "Signature=", "Bearer"):
        assert secret not in log, log


def check_tokens(hub: Hub) -> None:
    """The token is the endpoint's: no other host, port or scheme gets it."""
    for request in hub.log:
        allowed = {None, TOKEN} if request.headers["host"] == urlsplit(hub.url).netloc else {None}
        assert request.token in allowed, request


def check_output(out: Path, content: Content | Mapping[str, Content]) -> None:
    if isinstance(content, (bytes, BigFile)):
        assert digest(out) == sha256(content)
        return
    (snapshot,) = (out / "snapshots").iterdir()
    files = {str(p.relative_to(snapshot)): p for p in snapshot.rglob("*") if p.is_file()}
    found = {path: digest(file) for path, file in files.items()}
    assert found == {path: sha256(each) for path, each in content.items()}


def digest(file: Path) -> str:
    whole = hashlib.sha256()
    with file.open("rb") as stream:
        while data := stream.read(1 << 20):
            whole.update(data)
    return whole.hexdigest()
