"""Makes directories of models for Ollama, as builds do, from files of models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aimodels_engines.errors import EngineError
from aimodels_engines.view import make_view
from support.fake_repo import sha256
from support.ollama_store import OllamaStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass
class Views:
    """Models, and views of them.

    Args:
        directory: Where they lie.
        made: Number of views so far.
    """

    directory: Path
    made: int = 0

    def model(self, name: str, files: Mapping[str, bytes]) -> None:
        """Make an entry of a cache, whose blobs are links to files."""
        entry = self.directory / "models" / name
        for path, content in files.items():
            blob = entry / "blobs" / sha256(content)
            own = self.directory / "files" / f"{blob.name}-{path.rpartition('/')[2]}"
            link = entry / "snapshots/0" / path
            for each in (blob, own, link):
                each.parent.mkdir(parents=True, exist_ok=True)
            own.write_bytes(content)
            if not blob.is_symlink():
                blob.symlink_to(own)
            link.symlink_to(f"{'../' * (path.count('/') + 2)}blobs/{blob.name}")

    def view(self, *wanted: Mapping[str, Any]) -> Path:
        """Make a view; each model is `m` unless it says otherwise, with the name `tiny`."""
        self.made += 1
        out = self.directory / f"view-{self.made}"
        models = (self.directory / "models").iterdir()
        spec = {
            "version": 1,
            "models": {each.name: {"files": str(each / "snapshots/0")} for each in models},
            "ollama": [{"model": "m", "name": "tiny", **each} for each in wanted or ({},)],
        }
        make_view(spec, out)
        return out

    def ollama(self, *wanted: Mapping[str, Any]) -> OllamaStore:
        """Make a view; return what Ollama reads in it."""
        return OllamaStore(self.view(*wanted))

    def refusal(self, *wanted: Mapping[str, Any]) -> str:
        """Return what a build prints that cannot make a view."""
        try:
            out = self.view(*wanted)
        except EngineError as error:
            return f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else "")
        raise AssertionError(f"made {out}")
