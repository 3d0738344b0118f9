"""Signatures of store paths, made by Nix with a secret key that never leaves its file."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from aimodels_fetcher import narinfo
from aimodels_gen.errors import StoreError
from aimodels_gen.nix import command, store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aimodels_fetcher.narinfo import NarInfo

_SECRET, _PUBLIC = 64, 32  # bytes of Ed25519
_MOST = 4096  # bytes of a file with a key
_CREATE = (
    "create a pair of keys: "
    "`nix-store --generate-binary-cache-key cache.example.org-1 secret.key public.key`"
)


@dataclass(frozen=True)
class SecretKey:
    """The file of a secret key, which is read by Nix.

    Attributes:
        file: Where it is.
        name: Of the key, as signatures begin with it.
        public: What machines have to trust, as `trusted-public-keys` takes it.
    """

    file: Path
    name: str
    public: str

    def has_signed(self, info: NarInfo) -> bool:
        """Return whether there is a signature of this name, which Nix verifies where it matters."""
        return any(one.partition(":")[0] == self.name for one in info.signatures)


def read(file: Path) -> SecretKey:
    """Return the secret key of a file.

    Raises:
        StoreError: The file has none. No message quotes it.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST)
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror}", _CREATE) from None
    name, separator, digits = content.decode("utf-8", "replace").strip().partition(":")
    try:
        key = base64.b64decode(digits, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) == _PUBLIC:
        raise StoreError(f"{file} has a public key", "name the file of the secret key")
    if not (separator and name and len(key) == _SECRET):
        raise StoreError(f"{file} has no secret key of Nix (NAME:BASE64)", _CREATE)
    # An Ed25519 key is a seed, and then the public key.
    public = base64.b64encode(key[_SECRET - _PUBLIC :]).decode("ascii")
    return SecretKey(file.absolute(), name, f"{name}:{public}")


def sign(infos: Sequence[NarInfo], key: SecretKey, directory: Path) -> list[NarInfo]:
    """Return store paths with a signature each, beside those that they have.

    Nobody has to trust us with the store: Nix signs in a binary cache without archives.

    Args:
        infos: The paths.
        key: What Nix signs with.
        directory: For that cache; it does not exist.

    Raises:
        StoreError: Nix refused.
    """
    if not infos:
        return []
    directory.mkdir()
    (directory / "nix-cache-info").write_text(f"StoreDir: {store.store_dir()}\n")
    files = [directory / narinfo.name_of(info.path) for info in infos]
    for file, info in zip(files, infos, strict=True):
        archive = replace(info, url="nar/none", file_hash=info.nar_hash, file_size=info.nar_size)
        file.write_text(archive.text())
    cache = f"file://{quote(str(directory))}"
    for some in store.batches([info.path for info in infos]):
        sign = ("store", "sign", "--store", cache, "--key-file", str(key.file))
        done = command.run(*sign, *some)
        if done.returncode != 0:
            raise StoreError(f"nix could not sign with {key.file}: {command.reason(done)}", _CREATE)
    return [
        replace(info, signatures=narinfo.parse(file.read_text(), str(file)).signatures)
        for file, info in zip(files, infos, strict=True)
    ]


def sign_in_store(infos: Sequence[NarInfo], key: SecretKey) -> None:
    """Let Nix sign store paths in the store of this machine, which has to trust us.

    Args:
        infos: The paths; those that follow from their content need no signature.
        key: What Nix signs with.

    Raises:
        StoreError: Nix refused.
    """
    new = [info.path for info in infos if not (info.ca or key.has_signed(info))]
    for some in store.batches(new):
        done = command.run("store", "sign", "--key-file", str(key.file), *some)
        if done.returncode != 0:
            raise StoreError(
                f"Nix did not sign in the store of this machine: {command.reason(done)}",
                "run this command as root, or as a user in the setting `trusted-users`; or push to "
                "a binary cache",
            )
