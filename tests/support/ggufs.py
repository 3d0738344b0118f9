"""Tiny GGUF files: a llama that llama.cpp loads, its shards, an mmproj, and broken ones."""

from __future__ import annotations

import functools
import random
import struct
from array import array
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ALIGNMENT = 32
# Of llama.cpp's `general.file_type`; the tensors are F32 all the same.
FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "Q3_K_M": 12, "Q4_K_S": 14, "Q4_K_M": 15}
FILE_TYPES |= {"Q5_K_M": 17, "Q6_K": 18, "IQ4_XS": 30, "BF16": 32, "MXFP4": 38}
TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
VOCABULARY, WIDTH, INNER, HEADS = 300, 64, 128, 4

_TYPES = {"u8": 0, "i8": 1, "u16": 2, "i16": 3, "u32": 4, "i32": 5, "f32": 6, "bool": 7}
_TYPES |= {"str": 8, "array": 9, "u64": 10, "i64": 11, "f64": 12}
_FORMATS = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f"}
_FORMATS |= {"bool": "?", "u64": "Q", "i64": "q", "f64": "d"}


@dataclass(frozen=True)
class Typed:
    """A value of a certain type; others are strings, `u32`, `f32`, booleans and lists of them."""

    type: str
    value: Any


@dataclass(frozen=True)
class Tensor:
    """Values, or their number in a file that is to be cut; `shape` is as ggml has it."""

    name: str
    shape: tuple[int, ...]
    data: bytes
    type: int = 0  # F32


class Writer:
    """Writes the parts of a file in one byte order and version."""

    def __init__(self, order: Literal["little", "big"] = "little", version: int = 3) -> None:
        self.version = version
        self._order = "<" if order == "little" else ">"
        self._count = "I" if version == 1 else "Q"

    def number(self, form: str, value: float) -> bytes:
        return struct.pack(self._order + form, value)

    def count(self, value: int) -> bytes:
        return self.number(self._count, value)

    def string(self, text: str | bytes) -> bytes:
        data = text.encode() if isinstance(text, str) else text
        return self.count(len(data)) + data

    def value(self, given: object) -> bytes:
        typed = _typed(given)
        return self.number("I", _TYPES[typed.type]) + self._plain(typed)

    def _plain(self, typed: Typed) -> bytes:
        if typed.type == "str":
            return self.string(typed.value)
        if typed.type == "array":
            items = [_typed(item) for item in typed.value] or [Typed("u32", 0)]
            head = self.number("I", _TYPES[items[0].type]) + self.count(len(typed.value))
            return head + b"".join(map(self._plain, items[: len(typed.value)]))
        return self.number(_FORMATS[typed.type], typed.value)

    def file(
        self,
        keys: Mapping[str, object] | Sequence[tuple[str, object]],
        tensors: Sequence[Tensor] = (),
        *,
        counts: tuple[int, int] | None = None,
    ) -> bytes:
        """Return a whole file; `counts` are the numbers of tensors and keys that it claims."""
        pairs = list(keys.items()) if hasattr(keys, "items") else list(keys)
        claimed = counts or (len(tensors), len(pairs))
        parts = [b"GGUF", self.number("I", self.version), *map(self.count, claimed)]
        parts += [self.string(key) + self.value(value) for key, value in pairs]
        offset = 0
        for one in tensors:
            dims = [self.count(length) for length in one.shape]
            parts += [self.string(one.name), self.number("I", len(dims)), *dims]
            parts += [self.number("I", one.type), self.number("Q", offset)]
            offset += len(_padded(one.data))
        return b"".join([_padded(b"".join(parts)), *(_padded(one.data) for one in tensors)])


def _typed(value: object) -> Typed:
    if isinstance(value, Typed):
        return value
    kinds = {bool: "bool", int: "u32", float: "f32", str: "str", bytes: "str", list: "array"}
    return Typed(kinds[type(value)], value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)


def llama_keys(
    quant: str = "F32",
    *,
    name: str = "tiny",
    context: int = 128,
    template: str | None = None,
) -> dict[str, object]:
    """Return the keys of a llama, in llama-quantize's order: the file type comes last."""
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    tokens = ["<unk>", "<s>", "</s>", *bytes_, *map(chr, range(97, 123)), "\u2581"]
    tokens += [f"t{number}" for number in range(VOCABULARY - len(tokens))]
    keys: dict[str, object] = {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": name,
        "general.size_label": "86K",
        "llama.context_length": context,
        "llama.embedding_length": WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": INNER,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "llama.vocab_size": VOCABULARY,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [0.0] * VOCABULARY,
        "tokenizer.ggml.token_type": [
            Typed("i32", kind) for kind in [2, 3, 3, *[6] * 256, *[1] * (VOCABULARY - 259)]
        ],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    if template is not None:
        keys["tokenizer.chat_template"] = template
    return {**keys, "general.quantization_version": 2, "general.file_type": FILE_TYPES[quant]}


def _random(name: str, *shape: int, seed: int = 0) -> Tensor:
    """Return a tensor of small numbers; the last length is the first of ggml's."""
    rng = random.Random(f"{name} {seed}")  # noqa: S311 (test data)
    values = array("f", (rng.gauss(0, 0.05) for _ in range(prod(shape))))
    return Tensor(name, shape[::-1], _little(values))


def _ones(name: str, length: int) -> Tensor:
    return Tensor(name, (length,), _little(array("f", [1.0] * length)))


def _little(values: array[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


@functools.lru_cache(maxsize=4)
def _llama_tensors(seed: int) -> tuple[Tensor, ...]:
    make = functools.partial(_random, seed=seed)
    layer = "blk.0."
    return (
        make("token_embd.weight", VOCABULARY, WIDTH),
        make("output.weight", VOCABULARY, WIDTH),
        _ones("output_norm.weight", WIDTH),
        _ones(f"{layer}attn_norm.weight", WIDTH),
        _ones(f"{layer}ffn_norm.weight", WIDTH),
        *(make(f"{layer}attn_{one}.weight", WIDTH, WIDTH) for one in ("q", "k", "v", "output")),
        make(f"{layer}ffn_gate.weight", INNER, WIDTH),
        make(f"{layer}ffn_up.weight", INNER, WIDTH),
        make(f"{layer}ffn_down.weight", WIDTH, INNER),
    )


def llama(
    quant: str = "F32",
    *,
    name: str = "tiny",
    context: int = 128,
    template: str | None = None,
    seed: int = 0,
) -> bytes:
    """Return a random llama of 340 kB; other seeds have other weights."""
    keys = llama_keys(quant, name=name, context=context, template=template)
    return Writer().file(keys, _llama_tensors(seed))


def llama_shards(count: int, quant: str = "F32", *, template: str | None = None) -> list[bytes]:
    """Return the same llama in several files, as llama-gguf-split writes them."""
    tensors = _llama_tensors(0)
    keys = llama_keys(quant, template=template)
    files = []
    for number in range(count):
        split: dict[str, object] = {
            "split.no": Typed("u16", number),
            "split.count": Typed("u16", count),
            "split.tensors.count": Typed("i32", len(tensors)),
        }
        part = tensors[number * len(tensors) // count : (number + 1) * len(tensors) // count]
        files.append(Writer().file({**keys, **split} if number == 0 else split, part))
    return files


def shard_names(stem: str, count: int) -> list[str]:
    """Return the names of the shards of a file: `stem-00001-of-00002.gguf`."""
    return [f"{stem}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]


def repository(quants: Iterable[str], stem: str = "tiny") -> dict[str, bytes]:
    """Return the files of a repository with one GGUF file for each quantisation."""
    files = {f"{stem}-{quant}.gguf": llama(quant, seed=n) for n, quant in enumerate(quants)}
    return {**files, "README.md": b"# tiny\n", "config.json": b"{}\n"}


def mmproj(quant: str = "F16") -> bytes:
    """Return an encoder of images (a llava) that goes with `llama`."""
    patch, side, width, inner = 4, 8, 32, 64
    keys: dict[str, object] = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.name": "tiny",
        "general.file_type": FILE_TYPES[quant],
        "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": True,
        "clip.vision.image_size": side,
        "clip.vision.patch_size": patch,
        "clip.vision.embedding_length": width,
        "clip.vision.feed_forward_length": inner,
        "clip.vision.projection_dim": WIDTH,
        "clip.vision.block_count": 2,
        "clip.vision.attention.head_count": 2,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    tensors = [
        _random("v.patch_embd.weight", width, 3, patch, patch),
        _random("v.class_embd", width),
        _random("v.position_embd.weight", (side // patch) ** 2 + 1, width),
        *_layer("v.pre_ln", width),
        *_layer("mm.0", WIDTH, width),
        *_layer("mm.2", WIDTH, WIDTH),
    ]
    for block in range(2):
        prefix = f"v.blk.{block}."
        for one in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors += _layer(prefix + one, width, width)
        tensors += [*_layer(f"{prefix}ln1", width), *_layer(f"{prefix}ln2", width)]
        tensors += _layer(f"{prefix}ffn_down", width, inner)
        tensors += _layer(f"{prefix}ffn_up", inner, width)
    return Writer().file(keys, tensors)


def _layer(name: str, *shape: int) -> list[Tensor]:
    return [_random(f"{name}.weight", *shape), _random(f"{name}.bias", shape[0])]


def header_only(quant: str = "Q4_K_M", **keys: object) -> bytes:
    """Return a file without tensors: enough for what reads headers. Keys have `__` for a dot."""
    given = {key.replace("__", "."): value for key, value in keys.items()}
    return Writer().file({**llama_keys(quant), **given})


def broken() -> dict[str, tuple[bytes, str]]:
    """Return files that are none, by what is wrong, each with a part of the message about it."""
    whole = llama()
    writer = Writer()
    arch = {"general.architecture": "llama"}
    claims = writer.string("x") + writer.number("I", 8)
    start = b"GGUF" + writer.number("I", 3) + writer.count(0)
    tensor = Tensor("w", (1 << 40, 1 << 40), b"")
    return {
        "empty": (b"", "not a GGUF file"),
        "not GGUF": (b"PK\x03\x04" + bytes(100), "not a GGUF file"),
        "a page": (b"<!doctype html><html>" + bytes(100), "not a GGUF file"),
        "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", "not a GGUF file"),
        "version 0": (b"GGUF" + bytes(100), "version"),
        "version 9": (b"GGUF" + writer.number("I", 9) + bytes(100), "version"),
        "cut in its counts": (whole[:15], "cut"),
        "cut in its keys": (whole[:400], "cut"),
        "cut in its tensors' names": (whole[: whole.index(b"blk.0")], "cut"),
        "cut in its weights": (whole[:-5000], "cut"),
        "keys without end": (writer.file(arch, counts=(0, 1 << 62)), "keys"),
        "tensors without end": (writer.file(arch, counts=(1 << 62, 1)), "tensors"),
        "a string without end": (start + writer.count(1) + claims + writer.count(1 << 62), "cut"),
        "an array without end": (
            start
            + writer.count(1)
            + writer.string("x")
            + writer.number("I", 9)
            + writer.number("I", 4)
            + writer.count(1 << 61),
            "cut",
        ),
        "an array of arrays": (
            start
            + writer.count(1)
            + writer.string("x")
            + writer.number("I", 9)
            + writer.number("I", 9)
            + writer.count(1)
            + bytes(64),
            "array of arrays",
        ),
        "an unknown type": (
            start + writer.count(1) + writer.string("x") + writer.number("I", 77) + bytes(64),
            "type 77",
        ),
        "a key twice": (writer.file([*arch.items(), *arch.items()]), "twice"),
        "no architecture": (writer.file({"general.name": "x"}), "general.architecture"),
        "an architecture that is a number": (
            writer.file({"general.architecture": 3}),
            "general.architecture",
        ),
        "a context that is text": (
            writer.file({**arch, "llama.context_length": "much"}),
            "llama.context_length",
        ),
        "a tensor without end": (writer.file(arch, [tensor]), "cut"),
        "an odd alignment": (
            writer.file({**arch, "general.alignment": 7}, [Tensor("w", (1,), bytes(4))]),
            "general.alignment",
        ),
    }
