"""What people write in the place of what we read: other tools' keys, addresses, commands.

Used once something is wrong, to show the lines to write instead. Each kind of source that has a
module `pasted` says there what it can read.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from glob import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INCLUDE = frozenset(
    [
        "include",
        "includes",
        "include_patterns",
        "allow",
        "allow_pattern",
        "allow_patterns",
        "allowed_patterns",
        "file",
        "files",
        "file_name",
        "filename",
        "filenames",
        "pattern",
        "patterns",
    ]
)
"""Names of the key `include`, in other tools and by mistake; see `plain_key`."""

_FILES = frozenset(("file", "file_name", "filename", "filenames", "files"))
EXCLUDE = frozenset(
    [
        "exclude",
        "excludes",
        "exclude_patterns",
        "ignore",
        "ignores",
        "ignore_pattern",
        "ignore_patterns",
    ]
)
"""Names of the key `exclude`."""

SUBDIRECTORY = frozenset(("folder", "subdir", "subdirectory", "subfolder"))
"""Names of the directory to take, where `include` says it."""

QUANT = frozenset(("quant", "quantisation", "quantization"))
"""Names of the quantisation to take; for kinds of sources that have no such key, see `of_quant`."""

KINDS = {
    "hf": "huggingface",
    "hub": "huggingface",
    "huggingface_hub": "huggingface",
    "git": "huggingface",
    "aws": "s3",
    "bucket": "s3",
    "http": "url",
    "https": "url",
    "urls": "url",
}
"""What people call the kinds of sources."""

CHECKSUMS = frozenset(
    [
        "blake3",
        "checksum",
        "checksums",
        "digest",
        "digests",
        "hash",
        "hashes",
        "integrity",
        "md5",
        "md5sum",
        "output_hash",
        "sha",
        "sha1",
        "sha256",
        "sha256sum",
        "sha512",
        "sha_256",
        "sri",
    ]
)
"""Names of the checksum of a file, or of those of several."""

LOCKED = "`aimodels-gen lock` finds checksums and licences by itself"
_TOKEN = "for the token, set HF_TOKEN or run `hf auth login`"  # noqa: S105 - words
_SECRET = "for credentials, set the variables of the AWS command line, or AWS_PROFILE"  # noqa: S105
UNNEEDED = {
    **dict.fromkeys((*CHECKSUMS, "license", "licence", "meta"), LOCKED),
    **dict.fromkeys(("auth_token", "hf_token", "token", "use_auth_token"), _TOKEN),
    **dict.fromkeys(
        [
            "access_key",
            "access_key_id",
            "aws_access_key_id",
            "aws_secret_access_key",
            "password",
            "profile",
            "secret_access_key",
            "secret_key",
            "user",
        ],
        _SECRET,
    ),
}
"""Keys that are of no use, and what to do instead."""

_PAIRS = frozenset(('""', "''", "``", "<>", "()", "\u2018\u2019", "\u201c\u201d"))


@dataclass(frozen=True)
class Meant:
    """A source that was most likely meant.

    Attributes:
        kind: its key under `source`.
        table: what stands there.
        include: patterns of the files that were named with it.
        exclude: patterns of files to leave out.
        notes: why something of what was written is left out.
    """

    kind: str
    table: Mapping[str, Any]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Draft:
    """What is meant by the keys of a table, as far as they have been read."""

    table: dict[str, Any] = field(default_factory=dict)
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def takes(self, key: str, value: object) -> bool:
        """Read a key that all kinds share; return whether it is one."""
        name = plain_key(key)
        if name in INCLUDE:
            named = patterns(value)
            is_file = name in _FILES
            self.include += [
                exactly(one) if is_file and not set("*?") & set(one) else one for one in named
            ]
        elif name in EXCLUDE:
            self.exclude += patterns(value)
        elif name in SUBDIRECTORY and isinstance(value, str):
            self.include += below(value)
        elif name in QUANT and isinstance(value, str):
            self.include.append(of_quant(value))
        elif name in UNNEEDED:
            self.notes.append(UNNEEDED[name])
        else:
            return False
        return True

    def add(self, other: Meant) -> None:
        """Take what something pasted means; what was written in words stays."""
        for key, value in other.table.items():
            self.table.setdefault(key, value)
        self.include += other.include
        self.exclude += other.exclude
        self.notes += other.notes

    def meant(self, kind: str) -> Meant:
        """Return what was read."""
        lists = (tuple(dict.fromkeys(one)) for one in (self.include, self.exclude, self.notes))
        return Meant(kind, dict(self.table), *lists)


def plain_key(key: str) -> str:
    """Return a key in the spelling of the others: `repoType` and `repo-type` as `repo_type`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).replace("-", "_").lower()


def plain_text(text: str) -> str:
    """Return a text without what cannot be seen, and the punctuation and quotes around it."""
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    text = text.strip().rstrip(",;").rstrip()
    while len(text) > 1 and text[0] + text[-1] in _PAIRS:
        text = text[1:-1].strip()
    return text


def patterns(value: object) -> list[str]:
    """Return the patterns in a list, or in a string, where people separate them by commas."""
    if isinstance(value, str):
        value = value.split(",")
    found: Iterable[object] = value if isinstance(value, (list, tuple)) else ()
    return [plain for one in found if isinstance(one, str) and (plain := plain_text(one))]


def exactly(path: str) -> str:
    """Return the pattern of one file."""
    return escape(path)


def below(directory: str) -> list[str]:
    """Return the pattern of a directory's files, in a list that is empty for the root."""
    directory = directory.strip("/")
    return [f"{escape(directory)}/*"] if directory not in {"", "."} else []


def of_quant(quant: str) -> str:
    """Return the pattern of the GGUF files of a quantisation."""
    return f"*{escape(quant)}[.-]*gguf"
