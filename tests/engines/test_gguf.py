"""Headers of GGUF files: real ones, and those that lie."""

from __future__ import annotations

import io
import tracemalloc
from typing import TYPE_CHECKING, Literal

import gguf as reference
import pytest

from aimodels_engines.errors import EngineError
from aimodels_engines.gguf import FILE_TYPES, NeedsMoreError, read_header
from support import ggufs
from support.ggufs import Tensor, Typed, Writer

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_engines.gguf import GgufHeader

MINIMAL = {"general.architecture": "llama", "llama.context_length": 4096}


def read(data: bytes) -> GgufHeader:
    return read_header(io.BytesIO(data), len(data))


def needed(whole: bytes, length: int) -> int | None:
    """Return how many bytes it asks for after these, None if they are enough."""
    try:
        read_header(io.BytesIO(whole[:length]), len(whole))
    except NeedsMoreError as error:
        return error.size
    return None


def test_a_model() -> None:
    header = read(ggufs.llama("Q4_K_M", context=2048, template=ggufs.TEMPLATE))
    assert header.architecture == "llama"
    assert header.type == "model"
    assert header.name == "tiny"
    assert header.context_length == 2048
    assert header.file_type == "Q4_K_M"
    assert header.size_label == "86K"
    assert header.has_chat_template
    assert header.split_count is None
    assert header.tensor_count == 12
    assert header.parameter_count == 2 * 300 * 64 + 3 * 64 + 4 * 64 * 64 + 3 * 64 * 128
    assert header.is_complete


def test_it_is_read_as_the_reference_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(ggufs.llama("Q8_0"))
    fields = reference.GGUFReader(path)
    header = read(path.read_bytes())
    architecture = fields.get_field("general.architecture")
    context = fields.get_field("llama.context_length")
    assert architecture is not None
    assert context is not None
    assert header.architecture == architecture.contents()
    assert header.context_length == context.contents()
    assert header.tensor_count == len(fields.tensors)
    assert header.parameter_count == sum(int(one.n_elements) for one in fields.tensors)


def test_what_the_reference_writes(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    writer = reference.GGUFWriter(path, "qwen3", endianess=reference.GGUFEndian.BIG)
    writer.add_context_length(40960)
    writer.add_file_type(reference.LlamaFileType.MOSTLY_IQ4_XS)
    writer.add_token_list(["a", "b"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    header = read(path.read_bytes())
    assert (header.architecture, header.context_length) == ("qwen3", 40960)
    assert header.file_type == "IQ4_XS"
    assert header.is_big_endian


def test_names_of_file_types_are_those_of_the_reference() -> None:
    theirs = {
        one.value: one.name.removeprefix("MOSTLY_").removeprefix("ALL_").removesuffix("_MOE")
        for one in reference.LlamaFileType
        if one.name != "GUESSED"
    }
    assert theirs.items() <= FILE_TYPES.items()


def test_sizes_of_tensors_are_those_of_the_reference() -> None:
    for kind, (block, size) in reference.GGML_QUANT_SIZES.items():
        tensor = Tensor("w", (block,), bytes(size), kind.value)
        whole = Writer().file(MINIMAL, [tensor])
        assert read(whole).parameter_count == block, kind
        stored = whole[: len(whole) - (-size % ggufs.ALIGNMENT)]
        assert read(stored).parameter_count == block, kind


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("order", ["little", "big"])
def test_versions_and_byte_orders(version: int, order: Literal["little", "big"]) -> None:
    keys = {**ggufs.llama_keys("IQ4_XS"), "x.list": [1, 2], "x.f64": Typed("f64", 0.5)}
    header = read(Writer(order, version).file(keys, [Tensor("w", (8, 2), bytes(64))]))
    assert (header.version, header.is_big_endian) == (version, order == "big")
    assert (header.architecture, header.context_length) == ("llama", 128)
    assert (header.file_type, header.parameter_count) == ("IQ4_XS", 16)


def test_shards() -> None:
    first, second = map(read, ggufs.llama_shards(2))
    assert (first.architecture, first.split_no, first.split_count) == ("llama", 0, 2)
    assert (second.architecture, second.split_no, second.split_count) == (None, 1, 2)
    assert first.tensor_count + second.tensor_count == 12


def test_an_mmproj() -> None:
    header = read(ggufs.mmproj())
    assert (header.architecture, header.type) == ("clip", "mmproj")
    assert (header.file_type, header.context_length) == ("F16", None)


def test_a_guessed_type_and_an_unknown_one() -> None:
    assert read(Writer().file({**MINIMAL, "general.file_type": 1024 + 15})).file_type == "Q4_K_M"
    assert read(Writer().file({**MINIMAL, "general.file_type": 900})).file_type is None


@pytest.mark.parametrize("wrong", sorted(ggufs.broken()))
def test_what_is_wrong_is_said(wrong: str) -> None:
    data, reason = ggufs.broken()[wrong]
    with pytest.raises(EngineError) as raised:
        read(data)
    assert reason in raised.value.message
    assert not isinstance(raised.value, NeedsMoreError)
    assert raised.value.message.isprintable()
    assert len(raised.value.message) < 200


def test_no_cut_file_is_read_as_if_it_were_whole() -> None:
    whole = ggufs.llama()
    for length in [*range(0, 400, 7), *range(400, len(whole) - 32, 7919)]:
        with pytest.raises(EngineError):
            read(whole[:length])


def test_the_start_of_a_file_is_enough_or_it_says_what_is_needed() -> None:
    whole = ggufs.llama("Q4_K_M")
    wanted = frozenset(("architecture", "context_length"))
    header = read_header(io.BytesIO(whole[:600]), len(whole), enough=wanted)
    assert (header.architecture, header.context_length) == ("llama", 128)
    assert (header.file_type, header.is_complete) == (None, False)
    with pytest.raises(NeedsMoreError) as raised:
        read_header(io.BytesIO(whole[:600]), len(whole))
    assert raised.value.size > 600
    assert raised.value.size < 10_000
    # One byte more than it had each time, until all is there.
    lengths = [raised.value.size]
    while (more := needed(whole, lengths[-1])) is not None:
        assert more > lengths[-1]
        lengths.append(more)
    assert read_header(io.BytesIO(whole[: lengths[-1]]), len(whole)).file_type == "Q4_K_M"
    assert lengths[-1] < 10_000


def test_a_small_file_that_claims_much_takes_no_memory() -> None:
    many = Writer().file({**MINIMAL, "tokenizer.ggml.tokens": ["x" * 3] * 100_000})
    big = {**MINIMAL, "tokenizer.chat_template": "x" * 5_000_000}
    tracemalloc.start()
    try:
        assert read(many).architecture == "llama"
        template = Writer().file(big)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        assert read(template).has_chat_template
        for data, _ in ggufs.broken().values():
            with pytest.raises(EngineError):
                read(data)
        used = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # The whole text is in `template`, and once more in the stream.
    assert used < len(template) + 3_000_000
