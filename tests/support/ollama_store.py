"""Reads a directory of models as Ollama does, step by step after its sources (0.33.0-rc2).

It shares no code with what writes them. It follows links, makes missing directories and writes
where Ollama does. Docstrings begin with Go's names.
"""

from __future__ import annotations

import hashlib
import json
import os
import string
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "application/vnd.ollama.image."
GRACE = 3600  # layerPruneGracePeriod, seconds

_FIRST = string.ascii_letters + string.digits + "_"
_MISSING = "!MISSING!"


class OllamaError(Exception):
    """What Ollama would answer."""


@dataclass(frozen=True)
class Name:
    """`model.Name`."""

    host: str
    namespace: str
    model: str
    tag: str

    @property
    def is_valid(self) -> bool:
        """`IsFullyQualified`."""
        return (
            _is_valid(self.host, 350, "-_.:")
            and _is_valid(self.namespace, 80, "-_")
            and _is_valid(self.model, 80, "-_.")
            and _is_valid(self.tag, 80, "-_.")
        )

    @property
    def filepath(self) -> str:
        """`Filepath`."""
        assert self.is_valid
        return f"{self.host}/{self.namespace}/{self.model}/{self.tag}"

    @property
    def shortest(self) -> str:
        """`DisplayShortest`, which `ollama list` prints."""
        short = f"{self.model}:{self.tag}"
        if self.host.lower() != "registry.ollama.ai":
            return f"{self.host}/{self.namespace}/{short}"
        return short if self.namespace.lower() == "library" else f"{self.namespace}/{short}"


def parse_name(text: str) -> Name:
    """`ParseName`: `ParseNameBare`, and defaults for what is empty."""
    tag = host = namespace = ""
    if text.rfind(":") > text.rfind("/"):
        text, tag, _ = _cut_promised(text, ":")
    text, model, is_promised = _cut_promised(text, "/")
    if not is_promised:
        model = text
    else:
        text, namespace, is_promised = _cut_promised(text, "/")
        if not is_promised:
            namespace = text
        else:
            scheme, found, rest = text.partition("://")
            host = rest if found else scheme
    return Name(host or "registry.ollama.ai", namespace or "library", model, tag or "latest")


def model_ref(text: str) -> Name:
    """`parseAndValidateModelRef`: what `ollama run`, `show` and the API take for a model here."""
    text = text.strip()
    head, colon, suffix = text.rpartition(":")
    if colon:
        if suffix.lower() == "local":
            text = head
        elif suffix.lower() == "cloud" or ("/" not in suffix and suffix.lower().endswith("-cloud")):
            raise OllamaError(f"{text}: a model of the cloud")
    name = parse_name(text)
    if not name.is_valid:
        raise OllamaError(f"unqualified name: {text}")
    return name


def _cut_promised(text: str, separator: str) -> tuple[str, str, bool]:
    before, found, after = text.rpartition(separator)
    if not found:
        return text, "", False
    return before or _MISSING, after or _MISSING, True


def _is_valid(part: str, longest: int, others: str) -> bool:
    if not 1 <= len(part.encode()) <= longest or part[0] not in _FIRST:
        return False
    return all(each in _FIRST or each in others for each in part)


@dataclass
class Manifest:
    """`Manifest`."""

    path: Path
    config: dict[str, Any]
    layers: list[dict[str, Any]]

    @property
    def blobs(self) -> list[dict[str, Any]]:
        return [*self.layers, *([self.config] if self.config.get("digest") else [])]


@dataclass
class Model:
    """`Model`, as `GetModel` fills it in."""

    config: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None
    adapters: list[Path] = field(default_factory=list)
    projectors: list[Path] = field(default_factory=list)
    template: str | None = None
    system: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    license: list[str] = field(default_factory=list)


class _Directory:
    """What the parts of a server have in common.

    Args:
        root: The directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifests(self, *, continue_on_error: bool = True) -> dict[Name, Manifest]:
        """`Manifests`."""
        found = {}
        root = self._directory("manifests")
        for path in root.glob("*/*/*/*"):
            path.stat()  # A broken link is an error in any case.
            if path.is_dir():
                continue
            name = Name(*path.relative_to(root).parts)
            try:
                found[name] = self.manifest(name)
            except (OSError, OllamaError, ValueError):
                if not continue_on_error:
                    raise
        return found

    def manifest(self, name: Name) -> Manifest:
        """`ParseNamedManifest`."""
        if not name.is_valid:
            raise OllamaError(f"unqualified name: {name}")
        path = self._directory("manifests") / name.filepath
        content = json.loads(path.read_bytes())
        return Manifest(path, content.get("config", {}), content.get("layers") or [])

    def in_use(self) -> set[str]:
        """Return the digests in all manifests."""
        return {layer["digest"] for each in self.manifests().values() for layer in each.blobs}

    def _directory(self, name: str) -> Path:
        """`Path`, and `BlobsPath` of nothing."""
        path = self.root / name
        path.mkdir(0o755, parents=True, exist_ok=True)
        return path

    def _blob(self, digest: str) -> Path:
        """`BlobsPath`."""
        if not _is_digest(digest):
            raise OllamaError("invalid digest format")
        return self._directory("blobs") / digest.replace(":", "-")

    def _prune_directory(self, path: Path) -> None:
        """`PruneDirectory`; an error stops the server, or the deletion."""
        if path.is_symlink() or not path.is_dir():
            return
        for child in list(path.iterdir()):
            self._prune_directory(child)
        if not any(path.iterdir()):
            path.rmdir()


class OllamaStore(_Directory):
    """A server's view of `OLLAMA_MODELS`."""

    def start(self, *, noprune: bool = False) -> None:
        """What `Serve` does first: `fixBlobs`, `PruneLayers`, `PruneDirectory`.

        Args:
            noprune: `OLLAMA_NOPRUNE`.
        """
        for path in list(self._directory("blobs").rglob("sha256:*")):
            path.rename(path.with_name(path.name.replace(":", "-", 1)))
        if noprune:
            return
        try:
            self.manifests(continue_on_error=False)
        except (OSError, OllamaError, ValueError):
            return  # "corrupt manifests detected, skipping prune operation"
        self._prune_layers()
        self._prune_directory(self._directory("manifests"))

    def _prune_layers(self) -> None:
        """`PruneLayers` and `deleteUnusedLayers`, which log what they cannot remove."""
        unused = []
        for path in list(self._directory("blobs").iterdir()):
            is_directory = path.is_dir() and not path.is_symlink()
            if is_directory or time.time() - path.lstat().st_mtime < GRACE:
                continue
            if _is_digest(path.name.replace("-", ":")):
                unused.append(path)
            else:
                _try_remove(path)
        in_use = self.in_use()
        for path in unused:
            if path.name.replace("-", ":") not in in_use:
                _try_remove(path)

    def find(self, text: str) -> Name:
        """`getExistingName`: the case of parts comes from any model that has them, in no order."""
        name = model_ref(text)
        spelled = [
            {getattr(each, part) for each in self.manifests() if _folds(each, name, part)}
            or {getattr(name, part)}
            for part in ("host", "namespace", "model", "tag")
        ]
        ambiguous = [parts for parts in spelled if len(parts) > 1]
        if ambiguous:
            raise OllamaError(f"{text}: found by chance: {ambiguous}")
        return Name(*(parts.pop() for parts in spelled))

    def get_model(self, text: str) -> Model:
        """`GetModel` of what a user writes."""
        manifest = self.manifest(self.find(text))
        model = Model()
        if manifest.config.get("digest"):
            model.config = json.loads(self._blob(manifest.config["digest"]).read_bytes())
        for layer in manifest.layers:
            kind = layer["mediaType"].removeprefix(IMAGE)
            path = self._blob(layer["digest"])
            if kind == "model":
                model.path = path
            elif kind in ("adapter", "projector"):
                (model.adapters if kind == "adapter" else model.projectors).append(path)
            elif kind == "params":
                model.options = json.loads(path.read_bytes())
            elif kind == "license":
                model.license.append(path.read_bytes().decode())
            else:
                assert kind in ("template", "system"), layer
                setattr(model, kind, path.read_bytes().decode())
        return model

    def list(self) -> list[str]:
        """Names as `ollama list` prints them."""
        return sorted(name.shortest for name in self.manifests())

    def remove(self, text: str) -> None:
        """`DeleteHandler`: `Remove` and `RemoveLayers`."""
        manifest = self.manifest(self.find(text))
        manifest.path.unlink()
        self._prune_directory(self._directory("manifests"))
        in_use = self.in_use()
        for layer in manifest.blobs:
            if layer["digest"] not in in_use:
                self._blob(layer["digest"]).unlink(missing_ok=True)

    def create(self, text: str, layers: dict[str, bytes]) -> None:
        """What `createModel` writes: blobs, then the manifest."""
        made = [self._add(f"{IMAGE}{kind}", data) for kind, data in layers.items()]
        config = self._add("application/vnd.docker.container.image.v1+json", b"{}\n")
        manifest = {"schemaVersion": 2, "config": config, "layers": made}
        path = self._directory("manifests") / parse_name(text).filepath
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(manifest), encoding="utf-8")

    def _add(self, kind: str, data: bytes) -> dict[str, Any]:
        """`NewLayer`, which sets the times of a blob that is there (`touchLayer`)."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        path = self._blob(digest)
        if not path.exists():
            path.write_bytes(data)
        os.utime(path)
        return {"mediaType": kind, "digest": digest, "size": len(data)}


def problems(root: Path) -> list[str]:
    """Return what in a directory of models is not as its names say, or not needed."""
    store = OllamaStore(root)
    wrong = []
    digests = {}
    for manifest in store.manifests(continue_on_error=False).values():
        digests.update({layer["digest"]: layer["size"] for layer in manifest.blobs})
    for digest, size in digests.items():
        data = (root / "blobs" / digest.replace(":", "-")).read_bytes()
        if (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)) != (digest, size):
            wrong.append(f"{digest}: other contents")
    used = {digest.replace(":", "-") for digest in digests}
    blobs = {path.name for path in (root / "blobs").iterdir()}
    wrong += [f"{blob}: no manifest has it" for blob in sorted(blobs - used)]
    return wrong + [
        f"{path}: empty" for path in root.rglob("*") if path.is_dir() and not any(path.iterdir())
    ]


def _try_remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        return


def _folds(one: Name, other: Name, part: str) -> bool:
    return str(getattr(one, part)).lower() == str(getattr(other, part)).lower()


def _is_digest(text: str) -> bool:
    kind, hexadecimal = text[:6], text[7:]
    is_named = kind == "sha256" and text[6:7] in (":", "-")
    return is_named and len(hexadecimal) == 64 and set(hexadecimal) <= set(string.hexdigits)
