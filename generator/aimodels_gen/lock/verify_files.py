"""What a lock says of files, compared with what a source says of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from aimodels_fetcher.digests import hex_to_sri, lfs_pointer_blob_id, sri_to_hex
from aimodels_fetcher.errors import StatusError
from aimodels_fetcher.wording import counted
from aimodels_gen.lock.model import FilePin, FilesPin
from aimodels_gen.net.faults import causes
from aimodels_gen.reports.verify import Counts, Difference, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_fetcher.errors import AimodelsError
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_gen.lock.model import BundledFile, LockedModel, PinnedSource
    from aimodels_gen.reports.verify import Kind
    from aimodels_gen.sources.base import Source

Proof = Literal["sha256", "git_blob_id", "etag", "nothing"]

_GONE = frozenset((404, 410))
# How the Hub says that there is nothing that we may see; S3 and others refuse with 403.
_HIDDEN = frozenset(("RepoNotFound", "RevisionNotFound", "GatedRepo", "DisabledRepo"))
_REFUSED = frozenset((401, 403))


@dataclass(frozen=True)
class Expected:
    """What is known of a file that a source should have.

    Attributes:
        sha256: in hex.
        blob_id: git's, of the pointer of a file under LFS.
    """

    size: int | None = None
    sha256: str | None = None
    blob_id: str | None = None
    lfs: bool = False
    etag: str | None = None

    @classmethod
    def of(cls, pin: BundledFile, etag: str | None) -> Expected:
        """Return what a pin says."""
        lfs = isinstance(pin, FilePin) and pin.lfs
        return cls(pin.size, sri_to_hex(pin.hash), pin.blob_id, lfs, etag)

    @classmethod
    def like(cls, file: RemoteFile) -> Expected:
        """Return what the first source of a model says, of which the pin knows no files."""
        return cls(file.size, file.sha256, _blob_id(file), file.lfs)


@dataclass
class Found:
    """What is found out about a model at one place.

    Attributes:
        proofs: by path, the best that the file was compared by.
        whole: the number of files that were compared as one.
    """

    kind: Literal["source", "fallback", "store", "cache"]
    place: str
    proofs: dict[str, Proof] = field(default_factory=dict)
    whole: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(  # noqa: PLR0913 - the parts of a difference
        self,
        kind: Kind,
        message: str,
        *,
        file: str | None = None,
        path: str | None = None,
        pinned: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Add a difference; the message begins with the file, or with the path."""
        where = repr(file) if file is not None else path
        self.differences.append(
            Difference(
                kind=kind,
                message=f"{where} {message}" if where else message,
                file=file,
                path=path,
                pinned=pinned,
                found=found,
                hint=hint,
            )
        )

    def report(self) -> Place:
        """Return it as a part of the report."""
        counts: Counter[str] = Counter(self.proofs.values())
        return Place(
            kind=self.kind,
            place=self.place,
            compared=Counts(
                sha256=counts["sha256"] + self.whole,
                git_blob_id=counts["git_blob_id"],
                etag=counts["etag"],
                nothing=counts["nothing"],
            ),
            differences=tuple(self.differences),
        )


@dataclass
class Checked:
    """A source of a model, compared with the pin.

    Attributes:
        found: the result.
        files: those of the source that the pin has, by path, with what is known of them.
        expected: what the lock says of files, or the first source of a tree.
    """

    model: LockedModel
    pinned: PinnedSource
    found: Found
    files: dict[str, RemoteFile] = field(default_factory=dict)
    expected: Mapping[str, Expected] = field(default_factory=dict)

    @property
    def source(self) -> Source:
        """Return the source, at its revision."""
        return self.pinned.source

    def next_step(self) -> str:
        """Return the next step where something is not as pinned."""
        name = self.model.name
        if self.found.kind == "fallback":
            return f"bring {self.source.label} up to date, or remove it from the fallbacks"
        if self.source.version:
            return (
                "a commit does not change: a mirror or proxy alters it, or the lock was edited; "
                f"to pin what the source has now, delete {name} from models of the lock, and run "
                "`aimodels-gen lock`"
            )
        return (
            "if it has changed since it was locked, pin what is there now: run "
            f"`aimodels-gen update {name}`"
        )

    def fail(self, error: AimodelsError, path: str | None = None) -> None:
        """Add that something could not be compared, and why."""
        status = next((one for one in causes(error) if isinstance(one, StatusError)), None)
        is_gone = status is not None and (
            status.code in _HIDDEN or status.status in {*_GONE, *_REFUSED}
        )
        hint = error.hint
        if is_gone and status and status.code == "RevisionNotFound":
            hint = (
                "its history was rewritten; to pin what is there now, run "
                f"`aimodels-gen update {self.model.name}`"
            )
        self.found.add("gone" if is_gone else "failed", error.message, file=path, hint=hint)


def expected_files(model: LockedModel, etags: Mapping[str, str]) -> dict[str, Expected] | None:
    """Return what a pin says of each file; None for a tree, which knows no files."""
    if not isinstance(model.pin, FilesPin):
        return None
    return {path: Expected.of(pin, etags.get(path)) for path, pin in model.pin.all_files.items()}


def compare(found: Found, expected: Expected, file: RemoteFile, hint: str | None) -> Proof:
    """Return by what a file was compared, having added how it differs to `found`."""
    sha256, git = file.sha256, _blob_id(file)
    proof: Proof = "nothing"
    if None not in {sha256, expected.sha256}:
        proof = "sha256"
    elif None not in {git, expected.blob_id}:
        proof = "git_blob_id"
    elif None not in {file.etag, expected.etag}:
        proof = "etag"
    found.proofs[file.path] = proof
    pairs: list[tuple[str, str | None, str | None]] = [
        ("sha256", _sri(expected.sha256), _sri(sha256)),
        ("size", _bytes(expected.size), _bytes(file.size)),
        ("git blob id", expected.blob_id, git),
    ]
    if proof == "etag":
        pairs.append(("ETag", expected.etag, file.etag))
    for what, pinned, there in pairs:
        if None not in {pinned, there} and pinned != there:
            found.add(
                "changed",
                f"has {what} {there}; pinned is {pinned}",
                file=file.path,
                pinned=pinned,
                found=there,
                hint=hint,
            )
            return proof
    if proof in {"sha256", "git_blob_id"} and git and expected.blob_id and expected.lfs != file.lfs:
        is_lfs, pinned_lfs = ("under LFS" if lfs else "in git" for lfs in (file.lfs, expected.lfs))
        found.add(
            "changed",
            f"is stored {is_lfs}, and {pinned_lfs} is pinned",
            file=file.path,
            pinned=pinned_lfs,
            found=is_lfs,
            hint=hint,
        )
    return proof


def compare_names(
    found: Found, expected: Mapping[str, Expected], there: Mapping[str, RemoteFile], hint: str
) -> None:
    """Add what is missing, and for the first source what is there that the pin lacks."""
    for path in sorted(expected.keys() - there.keys()):
        found.add("missing", "is not there", file=path, hint=hint)
    if found.kind == "source":
        for path in sorted(there.keys() - expected.keys()):
            found.add("extra", "matches the filters, but is not pinned", file=path, hint=hint)


def _blob_id(file: RemoteFile) -> str | None:
    """Return the git id that a lock has of a file: under LFS, that of the pointer."""
    if file.lfs and file.sha256 and file.size is not None:
        return lfs_pointer_blob_id(file.sha256, file.size)
    return file.git_blob_id


def _sri(digest: str | None) -> str | None:
    return hex_to_sri(digest) if digest else None


def _bytes(size: int | None) -> str | None:
    return None if size is None else counted(size, "byte")
