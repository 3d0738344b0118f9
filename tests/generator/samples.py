"""A lock with everything in it that may be hard to write down."""

from __future__ import annotations

from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.filters import Filters
from aimodels_gen.engines.huggingface import Integration
from aimodels_gen.engines.views import Views
from aimodels_gen.lock.model import (
    Bundle,
    BundledFile,
    FilePin,
    FilesPin,
    Lock,
    LockedModel,
    PinnedSource,
    TreePin,
)
from aimodels_gen.sources.base import Card
from aimodels_gen.sources.huggingface import HuggingFace
from aimodels_gen.sources.s3 import S3
from aimodels_gen.sources.url import Url
from aimodels_gen.sources.url.files import UrlFile
from aimodels_gen.tables import OneOrMore, Place, read

REV = "01c7f73d771dfac7d292323805ebc428287df4f9"
ENDPOINTS = OneOrMore(("https://mirror.example", "https://huggingface.co"))
HOSTILE = [
    "a b.json",
    'quo"te.json',
    "back\\slash",
    '${builtins.abort "no"}.json',
    "$${x}",
    "''two''",
    "new\nline\ttab\rcr",
    "café/日本/🤖.txt",
    ".gitattributes",
    "dir/or",
    "--help",
    "\x01\x1b[31m",
]
# A card's words are printable, and may be anything else.
LICENSES = ['quo"te', "${x}", "back\\slash"]


def hash_of(number: int) -> str:
    return hex_to_sri(f"{number:064x}")


def plain() -> LockedModel:
    return LockedModel(
        name="llama-2-7b",
        source=PinnedSource(HuggingFace("meta-llama/Llama-2-7b-hf", rev=REV)),
        filters=Filters(),
        pin=FilesPin(
            {
                "model-00001-of-00002.safetensors": FilePin(
                    hash_of(2), 9976576152, lfs=True, blob_id="0" * 40
                ),
            },
            Bundle(hash_of(4), {"config.json": BundledFile(hash_of(1), 609, "1" * 40)}),
        ),
        digest="d" * 64,
        card=Card(license="llama2", gated="manual", library="transformers"),
    )


def hostile() -> LockedModel:
    return LockedModel(
        name="hostile",
        source=PinnedSource(
            HuggingFace("org/name", "refs/pr/1", REV, "dataset", OneOrMore(["http://127.0.0.1:1"]))
        ),
        filters=Filters(tuple(HOSTILE), ("*.bin",)),
        pin=FilesPin(
            {"w.bin": FilePin(hash_of(5), 1)},
            Bundle(
                hash_of(6), {path: BundledFile(hash_of(n), n) for n, path in enumerate(HOSTILE)}
            ),
        ),
        digest="e" * 64,
        layout="link",
        integration=Integration(enable=False, org="my-org"),
        views=views(),
        card=Card(license=", ".join(LICENSES)),
    )


def views() -> Views:
    """Every integration, with texts that may be hard to write down."""
    text = "\n".join(("{{ .System }}", *HOSTILE))
    data = {
        "ollama": {
            "name": "hub.example:5000/my-org/m.x:q4",
            "template": text,
            "system": text,
            "license": text,
            "params": {"temperature": 0.7, "num_ctx": -1, "stop": ["${x}", "\n"], "use_mmap": True},
        },
        "lmstudio": {},
        "comfyui": {"checkpoints": ["*.gguf", '"*'], "loras": {"${x}.bin": "w.bin"}},
        "triton": {"config": text, "version": 2},
        "directory": {"or": {"a/${x}/": ["*''*", "w.bin"], "'": "w.bin"}},
    }
    return read(data, Views, Place("models.toml"))


def tree() -> LockedModel:
    return LockedModel(
        name="or",
        source=PinnedSource(HuggingFace("openai/whisper-tiny", "v1.0", REV, endpoint=ENDPOINTS)),
        filters=Filters(("*.json", *HOSTILE), ("*.bin",)),
        pin=TreePin(hash_of(3), 2, 1000),
        digest="f" * 64,
        integration=Integration(model="x"),
    )


def elsewhere() -> LockedModel:
    """A model of a bucket, with fallbacks."""
    files = {path: FilePin(hash_of(n), n) for n, path in enumerate(HOSTILE)}
    bucket = PinnedSource(
        S3("my-models", "a b/ü/", "eu-central-1", "https://s3.example.org"),
        etags={path: f'"{n}' for n, path in enumerate(HOSTILE)},
        versions={path: f"${{{n}}}" for n, path in enumerate(HOSTILE)},
    )
    urls = PinnedSource(
        Url(
            {
                path: UrlFile(OneOrMore((f"https://a.example/{n}", f"https://b.example/{n}")))
                for n, path in enumerate(HOSTILE)
            }
        ),
        etags={"--help": '"x"'},
    )
    return LockedModel(
        name="elsewhere",
        source=bucket,
        filters=Filters(),
        pin=FilesPin(files),
        digest="a" * 64,
        integration=Integration(org="my-org", model="elsewhere"),
        fallbacks=(urls, PinnedSource(HuggingFace("org/name", rev=REV))),
        fallbacks_digest="b" * 64,
    )


def lock() -> Lock:
    return Lock({model.name: model for model in (tree(), plain(), hostile(), elsewhere())})
