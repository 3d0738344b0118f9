"""What the buckets of the tests have, and the source that a spec names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.fake_repo import BigFile
from support.specs import file_pin

if TYPE_CHECKING:
    from support.fake_repo import Content

WEIGHTS = BigFile(9 << 20, 3)
FILES: dict[str, Content] = {
    "config.json": b"{}",
    "a b+c/ü?#%.txt": b"odd",
    "w.safetensors": WEIGHTS,
}
CONFIG = file_pin("config.json", b"{}")


def source(**changes: Any) -> dict[str, Any]:
    given = {"bucket": "my-models", "prefix": "it/", "region": None, "endpoint": None}
    return {"s3": {**given, "versions": {}, **changes}}
