"""Names of GGUF files, as repositories have them."""

from __future__ import annotations

import pytest

from aimodels_engines.quants import (
    available,
    best_mmproj,
    is_quant,
    matching,
    mmprojs,
    name_of,
    sets,
)
from support import ggufs


@pytest.mark.parametrize(
    ("path", "quant"),
    [
        ("Qwen3-8B-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-7b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("llama-2-7b.Q4_K_M.gguf", "Q4_K_M"),
        ("model_q4_k_s.gguf", "Q4_K_S"),
        ("Q4_K_M/model-00001-of-00003.gguf", "Q4_K_M"),
        ("UD-Q4_K_XL/Qwen3-235B-UD-Q4_K_XL-00002-of-00003.gguf", "UD-Q4_K_XL"),
        ("model.i1-IQ3_XXS.gguf", "I1-IQ3_XXS"),
        ("Llama-3.2-1B-Instruct-IQ4_XS.gguf", "IQ4_XS"),
        ("gemma-3-4b-it-BF16.gguf", "BF16"),
        ("mmproj-model-f16.gguf", "F16"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("gpt-oss-20b-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("tiny-Q8_0.gguf", "Q8_0"),
        ("tiny-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("bitnet-TQ1_0.gguf", "TQ1_0"),
        ("name-Q4_K_M-imat.gguf", "Q4_K_M"),
        ("name-Q8_0_v2.gguf", "Q8_0"),
        ("name-Q6_K.v2.gguf", "Q6_K"),
        ("Qwen3-8B.gguf", None),
        ("ggml-model-fp16.gguf", "FP16"),
        ("phi-2-Q8.gguf", "Q8"),
    ],
)
def test_the_quantisation_of_a_file(path: str, quant: str | None) -> None:
    name = name_of(path)
    assert name is not None
    assert name.quant == quant


def test_files_of_other_kinds() -> None:
    assert name_of("README.md") is None
    assert name_of("x.GGUF") is None  # llama.cpp does not find it either
    roles = {
        "mmproj-F16.gguf": "mmproj",
        "gemma-mmproj-F16.gguf": "mmproj",
        "x-imatrix.gguf": "other",
        "mtp-x-Q8_0.gguf": "other",
        "x-Q8_0.gguf": "model",
    }
    for path, role in roles.items():
        name = name_of(path)
        assert name is not None
        assert name.role == role, path


@pytest.mark.parametrize(
    "text",
    ["Q4_K_M", "q4_k_m", "UD-Q4_K_XL", "IQ4_XS", "F16", "bf16", "MXFP4", "Q8_0", "i1-Q4_K_M"],
)
def test_names_of_quantisations(text: str) -> None:
    assert is_quant(text)


@pytest.mark.parametrize("text", ["main", "latest", "v1", "7b", "free", "x.gguf", "", "1.0"])
def test_what_does_not_name_one(text: str) -> None:
    assert not is_quant(text)


def paths_of(paths: list[str], quant: str) -> list[tuple[str, ...]]:
    return [one.paths for one in matching(paths, quant)]


def test_a_quantisation_that_starts_another() -> None:
    paths = ["a-Q4_K.gguf", "a-Q4_K_M.gguf", "a-Q4_K_S.gguf", "a-IQ4_XS.gguf", "a-Q4_0.gguf"]
    assert paths_of(paths, "Q4_K") == [("a-Q4_K.gguf",)]
    assert paths_of(paths, "q4_k_m") == [("a-Q4_K_M.gguf",)]
    assert paths_of(paths[1:], "Q4_K") == []
    assert paths_of(paths, "K_M") == []
    assert available(paths) == ("IQ4_XS", "Q4_0", "Q4_K", "Q4_K_M", "Q4_K_S")


def test_families_of_quantisations() -> None:
    paths = ["a-Q4_K_M.gguf", "a-UD-Q4_K_M.gguf", "a-UD-Q2_K_XL.gguf", "b.i1-Q6_K.gguf"]
    assert paths_of(paths, "Q4_K_M") == [("a-Q4_K_M.gguf",)]
    assert paths_of(paths, "ud-q4_k_m") == [("a-UD-Q4_K_M.gguf",)]
    assert paths_of(paths, "Q2_K_XL") == [("a-UD-Q2_K_XL.gguf",)]
    assert paths_of(paths, "Q6_K") == [("b.i1-Q6_K.gguf",)]


def test_other_words() -> None:
    paths = ["a-small.gguf", "large/a.gguf", "a-Q4_K_M.gguf"]
    assert paths_of(paths, "small") == [("a-small.gguf",)]
    assert paths_of(paths, "LARGE") == [("large/a.gguf",)]
    assert paths_of(paths, "mall") == []


def test_two_models_of_one_quantisation() -> None:
    paths = ["a-Q8_0.gguf", "b-Q8_0.gguf", "old/a-Q8_0.gguf", "mmproj-a-Q8_0.gguf"]
    assert len(matching(paths, "Q8_0")) == 3


def test_shards_in_their_order_and_those_that_are_missing() -> None:
    paths = ggufs.shard_names("Q8_0/a-Q8_0", 3)
    assert paths_of(paths[::-1], "Q8_0") == [tuple(paths)]
    (found,) = matching([paths[0], paths[2]], "Q8_0")
    assert found.missing == (paths[1],)
    assert [one.missing for one in sets(["x-00001-of-99999.gguf"])] == [()]


def test_the_mmproj_that_llama_cpp_takes() -> None:
    paths = ["m-Q4_K_M.gguf", "mmproj-F32.gguf", "mmproj-F16.gguf", "mmproj-BF16.gguf"]
    assert mmprojs(paths) == ("mmproj-BF16.gguf", "mmproj-F16.gguf", "mmproj-F32.gguf")
    # BF16 and F16 are equally near: the first of a listing, which is sorted.
    assert best_mmproj(paths, "m-Q4_K_M.gguf") == "mmproj-BF16.gguf"
    assert best_mmproj(paths, "m-F32.gguf") == "mmproj-F32.gguf"
    assert best_mmproj(paths, "m-Q4_K_M.gguf", "f16") == "mmproj-F16.gguf"
    assert best_mmproj(paths, "m-Q4_K_M.gguf", "Q8_0") is None
    assert best_mmproj(
        ["m-Q8_0.gguf", "mmproj-m-Q8_0.gguf", "mmproj-m-F16.gguf"], "m-Q8_0.gguf"
    ) == ("mmproj-m-Q8_0.gguf")


def test_an_mmproj_in_the_directory_of_the_model() -> None:
    paths = ["mmproj-F16.gguf", "Q8_0/m-Q8_0.gguf", "Q8_0/mmproj-F32.gguf", "x/mmproj-F16.gguf"]
    assert best_mmproj(paths, "Q8_0/m-Q8_0.gguf") == "Q8_0/mmproj-F32.gguf"
    assert best_mmproj(paths, "m-Q8_0.gguf") == "mmproj-F16.gguf"
    assert best_mmproj(["x/mmproj-F16.gguf"], "m-Q8_0.gguf") is None
