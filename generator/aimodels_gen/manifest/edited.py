"""A models.toml that is edited: read, changed, read again, and staged to be written."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aimodels_gen.atomic import probe
from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.parse import parse, read_text, read_toml, shown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from aimodels_gen.atomic import Transaction
    from aimodels_gen.manifest.model import Manifest

_MARK = "\ufeff"  # the byte order mark, which some editors write


@dataclass
class Edit:
    """A manifest as it is, and as it is to be.

    Attributes:
        before: the text of the file.
        text: the text that is to be, without a byte order mark.
        names: the models to lock.
        renamed: new names by old ones.
        notes: what the reader should know.
    """

    path: Path
    before: str
    text: str
    names: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Edit:
        """Return a manifest that is not changed yet.

        Raises:
            ManifestError: it cannot be read, or is not TOML.
            OSError: it cannot be read.
        """
        before = read_text(path, keep_mark=True)
        edit = cls(path, before, before.removeprefix(_MARK))
        read_toml(edit.text, edit.file)
        return edit

    @property
    def file(self) -> str:
        """Return the manifest's name for messages."""
        return shown_name(self.path)

    @property
    def models(self) -> dict[str, Any]:
        """Return the models, as tables of TOML."""
        models = read_toml(self.text, self.file).get("models", {})
        if not isinstance(models, dict):
            parse(self.text, self.file)  # raises
        return dict(models)

    @cached_property
    def manifest(self) -> Manifest:
        """Return the manifest that is to be.

        Raises:
            ManifestError: something is wrong in it.
        """
        return parse(self.text, self.file)

    def check(self) -> None:
        """Raise what is wrong in the manifest that is to be; see `manifest`."""
        _ = self.manifest

    def change(
        self, make: Callable[[str], str], expect: Callable[[dict[str, Any]], object]
    ) -> None:
        """Change the text, and nothing that is not meant.

        Args:
            make: returns the new text.
            expect: makes the models what they should be, in place.

        Raises:
            ManifestError: the new text does not say what it should.
        """
        data = read_toml(self.text, self.file)
        wanted = copy.deepcopy(data)
        expect(wanted.setdefault("models", {}))
        text = make(self.text)
        try:
            made = read_toml(text, self.file)
        except ManifestError:
            made = None
        if made is None or {"models": {}, **made} != wanted:
            raise ManifestError(
                f"{self.file} is written in a way that this command cannot edit",
                "edit it by hand, and run `aimodels-gen lock`",
            )
        self.revert(text)

    def revert(self, text: str) -> None:
        """Take a text that was there before."""
        self.text = text
        self.__dict__.pop("manifest", None)  # which is that of another text

    def probe(self) -> None:
        """Find out whether the file can be written, if it has to be.

        Raises:
            OSError: it cannot.
        """
        if self._content != self.before:
            probe(self.path)

    def stage(self, files: Transaction) -> list[Path]:
        """Stage the new text; return the path if it changes.

        Raises:
            ManifestError: another program has changed the file.
            OSError: it cannot be written.
        """
        files.check(self._check_unchanged)
        return [self.path] if files.write(self.path, self._content.encode("utf-8")) else []

    @property
    def _content(self) -> str:
        return (_MARK if self.before.startswith(_MARK) else "") + self.text

    def _check_unchanged(self) -> None:
        if read_text(self.path, keep_mark=True) != self.before:
            raise ManifestError(
                f"{self.path} was changed by another program while this one was running",
                "run this again: the change of the other one stays",
            )
