"""A repository with a Llama of a few kilobytes that `transformers` really loads."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

REPO = "meta-llama/Llama-2-7b-hf"


@functools.lru_cache(maxsize=2)
def files(vocabulary: int = 32) -> dict[str, bytes]:
    """Path -> content, as `save_pretrained` writes them.

    Each word of the vocabulary takes 128 bytes of the weights.
    """
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415 (seconds)

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    with tempfile.TemporaryDirectory() as directory:
        LlamaForCausalLM(config).save_pretrained(directory)
        return {path.name: path.read_bytes() for path in Path(directory).iterdir()}
