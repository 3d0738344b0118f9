"""Tiny random models as GGUF files that llama.cpp really loads."""

from __future__ import annotations

import functools
import math
import random
import struct
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALIGNMENT = 32
_VOCABULARY, _WIDTH, _HIDDEN, _HEADS, _BLOCKS, _CONTEXT = 300, 32, 64, 2, 1, 128
_IMAGE, _PATCH, _LAYERS = 16, 8, 2
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6

# Type of the format, and value. Integers are unsigned.
_UINT16, _UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 2, 4, 5, 6, 7, 8, 9
_PACKED = {_UINT16: "<H", _UINT32: "<I", _INT32: "<i", _FLOAT32: "<f", _BOOL: "<?"}
_Value: TypeAlias = tuple[int, object]
_Shape: TypeAlias = tuple[int, ...]


@functools.lru_cache
def llama(seed: int = 0) -> bytes:
    """Return a Llama of about 120 kB. Another seed makes another one."""
    return _file(_llama_metadata(), _llama_tensors(), seed)


@functools.lru_cache
def shards(count: int = 2, seed: int = 0) -> list[bytes]:
    """Return the same model in several files, as `llama-gguf-split` writes them."""
    tensors = list(_llama_tensors().items())
    step = math.ceil(len(tensors) / count)
    return [
        _file(
            {
                **(_llama_metadata() if number == 0 else {}),
                "split.no": (_UINT16, number),
                "split.count": (_UINT16, count),
                "split.tensors.count": (_INT32, len(tensors)),
            },
            dict(tensors[number * step : (number + 1) * step]),
            seed + number,
        )
        for number in range(count)
    ]


@functools.lru_cache
def projector(seed: int = 0) -> bytes:
    """Return the projector, `mmproj`, with which the model takes images."""
    vision: dict[str, _Value] = {
        "image_size": (_UINT32, _IMAGE),
        "patch_size": (_UINT32, _PATCH),
        "embedding_length": (_UINT32, _WIDTH),
        "feed_forward_length": (_UINT32, _HIDDEN),
        "block_count": (_UINT32, _LAYERS),
        "projection_dim": (_UINT32, _WIDTH),
        "attention.head_count": (_UINT32, _HEADS),
        "attention.layer_norm_epsilon": (_FLOAT32, 1e-5),
        "image_mean": (_ARRAY, (_FLOAT32, [0.5] * 3)),
        "image_std": (_ARRAY, (_FLOAT32, [0.5] * 3)),
    }
    metadata: dict[str, _Value] = {
        "general.architecture": (_STRING, "clip"),
        "general.type": (_STRING, "mmproj"),
        "clip.has_vision_encoder": (_BOOL, True),
        "clip.projector_type": (_STRING, "mlp"),
        "clip.use_gelu": (_BOOL, True),
        **{f"clip.vision.{key}": value for key, value in vision.items()},
    }
    return _file(metadata, _projector_tensors(), seed)


def _llama_metadata() -> dict[str, _Value]:
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += [f"t{index}" for index in range(_VOCABULARY - len(tokens))]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256]
    kinds += [_NORMAL] * (_VOCABULARY - len(kinds))
    sizes = {
        "context_length": _CONTEXT,
        "embedding_length": _WIDTH,
        "block_count": _BLOCKS,
        "feed_forward_length": _HIDDEN,
        "attention.head_count": _HEADS,
        "attention.head_count_kv": _HEADS,
        "rope.dimension_count": _WIDTH // _HEADS,
        "vocab_size": _VOCABULARY,
    }
    return {
        "general.architecture": (_STRING, "llama"),
        **{f"llama.{key}": (_UINT32, value) for key, value in sizes.items()},
        "llama.attention.layer_norm_rms_epsilon": (_FLOAT32, 1e-5),
        "tokenizer.ggml.model": (_STRING, "llama"),
        "tokenizer.ggml.tokens": (_ARRAY, (_STRING, tokens)),
        "tokenizer.ggml.scores": (_ARRAY, (_FLOAT32, [0.0] * _VOCABULARY)),
        "tokenizer.ggml.token_type": (_ARRAY, (_INT32, kinds)),
        "tokenizer.ggml.bos_token_id": (_UINT32, 1),
        "tokenizer.ggml.eos_token_id": (_UINT32, 2),
    }


def _llama_tensors() -> dict[str, _Shape]:
    """Return the dimensions of the tensors, the fastest one first, as in the file."""
    tensors: dict[str, _Shape] = {
        "token_embd.weight": (_WIDTH, _VOCABULARY),
        "output.weight": (_WIDTH, _VOCABULARY),
        "output_norm.weight": (_WIDTH,),
    }
    for block in (f"blk.{index}." for index in range(_BLOCKS)):
        tensors |= {f"{block}{name}_norm.weight": (_WIDTH,) for name in ("attn", "ffn")}
        square = ("q", "k", "v", "output")
        tensors |= {f"{block}attn_{name}.weight": (_WIDTH, _WIDTH) for name in square}
        tensors |= {f"{block}ffn_{name}.weight": (_WIDTH, _HIDDEN) for name in ("gate", "up")}
        tensors[f"{block}ffn_down.weight"] = (_HIDDEN, _WIDTH)
    return tensors


def _projector_tensors() -> dict[str, _Shape]:
    square = (_WIDTH, _WIDTH)
    tensors: dict[str, _Shape] = {
        "v.patch_embd.weight": (_PATCH, _PATCH, 3, _WIDTH),
        "v.position_embd.weight": (_WIDTH, (_IMAGE // _PATCH) ** 2 + 1),
        "v.class_embd": (_WIDTH,),
    }
    layers = {"v.pre_ln": (_WIDTH,), "mm.0": square, "mm.2": square}
    for block in (f"v.blk.{index}." for index in range(_LAYERS)):
        layers |= {f"{block}attn_{name}": square for name in ("q", "k", "v", "out")}
        layers |= {f"{block}{name}": (_WIDTH,) for name in ("ln1", "ln2")}
        layers |= {f"{block}ffn_up": (_WIDTH, _HIDDEN), f"{block}ffn_down": (_HIDDEN, _WIDTH)}
    for name, shape in layers.items():
        tensors |= {f"{name}.weight": shape, f"{name}.bias": shape[-1:]}
    return tensors


def _file(metadata: Mapping[str, _Value], tensors: Mapping[str, _Shape], seed: int) -> bytes:
    """Write version 3 of the format, with 32-bit floats."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, (kind, value) in metadata.items():
        head += _string(key) + struct.pack("<I", kind) + _packed(kind, value)
    source = random.Random(seed)  # noqa: S311 (test data)
    data = b""
    for name, shape in tensors.items():
        head += _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        count = math.prod(shape)
        values = [1.0] * count if "norm" in name else [source.gauss(0, 0.05) for _ in range(count)]
        data += _aligned(struct.pack(f"<{count}f", *values))
    return _aligned(head) + data


def _packed(kind: int, value: object) -> bytes:
    if kind == _ARRAY:
        assert isinstance(value, tuple)
        of, values = value
        return struct.pack("<IQ", of, len(values)) + b"".join(_packed(of, each) for each in values)
    return _string(str(value)) if kind == _STRING else struct.pack(_PACKED[kind], value)


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _aligned(content: bytes) -> bytes:
    return content + bytes(-len(content) % _ALIGNMENT)
