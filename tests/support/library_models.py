# ruff: noqa: PLC0415 (each function runs where only the libraries that it imports are)
"""Models of a few kilobytes, made by the libraries that load them.

`main` makes those of a library in a directory, with a directory for each repository. It runs in the
environment of that library.
"""

from __future__ import annotations

import json
import sys
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "photo", "of")


def _tokenizer(directory: Path) -> None:
    from transformers import BertTokenizerFast

    directory.mkdir(exist_ok=True)
    vocabulary = directory / "vocab.txt"
    vocabulary.write_text("\n".join(_WORDS) + "\n")
    BertTokenizerFast(str(vocabulary)).save_pretrained(directory)


def _bert(directory: Path) -> None:
    """A BERT with its tokenizer."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=len(_WORDS),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(directory)
    _tokenizer(directory)


def sentence_transformers(directory: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    _bert(directory / "model")
    modules = [Transformer(str(directory / "model")), Pooling(16)]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(directory / "model"))


def diffusers(directory: Path) -> None:
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    DDPMPipeline(unet, DDPMScheduler(num_train_timesteps=10)).save_pretrained(directory / "model")


def timm(directory: Path) -> None:
    import timm as library
    from timm.models import save_for_hf

    model = library.create_model("test_vit.r160_in1k", pretrained=False, num_classes=3)
    save_for_hf(model, directory / "model", safe_serialization=True)


def peft(directory: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    LlamaForCausalLM(config).save_pretrained(directory / "base")
    base = LlamaForCausalLM.from_pretrained(directory / "base")
    # The name by which the adapter finds its base.
    base.name_or_path = "meta-llama/Llama-2-7b-hf"
    get_peft_model(base, LoraConfig(task_type="CAUSAL_LM")).save_pretrained(directory / "model")


def open_clip(directory: Path) -> None:
    import open_clip as library
    from open_clip.push_to_hf_hub import save_for_hf
    from open_clip.tokenizer import HFTokenizer

    vision = {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16}
    text = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}
    (directory / "tiny.json").write_text(json.dumps(config))
    library.add_model_config(directory / "tiny.json")
    _tokenizer(directory / "model")
    tokenizer = HFTokenizer(str(directory / "model"))
    save_for_hf(
        library.create_model("tiny"),
        tokenizer,
        config,
        save_directory=directory / "model",
        safe_serialization=True,
    )


def faster_whisper(directory: Path) -> None:
    from ctranslate2.converters import TransformersConverter
    from tokenizers import pre_tokenizers
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    special = [
        "<|endoftext|>",
        "<|startoftranscript|>",
        "<|en|>",
        "<|translate|>",
        "<|transcribe|>",
    ]
    special += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    special += [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: number for number, word in enumerate([*alphabet, *special])}
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    (directory / "whisper").mkdir()
    tokenizer.save_pretrained(directory / "whisper")
    end, start, english = (vocabulary[word] for word in special[:3])
    config = WhisperConfig(
        vocab_size=len(vocabulary),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=start,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        alignment_heads=[[0, 0]],
        lang_to_id={"<|en|>": english},
        suppress_tokens=[],
        begin_suppress_tokens=[],
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
    )
    model.save_pretrained(directory / "whisper")
    copied = ["tokenizer.json"]
    converter = TransformersConverter(str(directory / "whisper"), copy_files=copied)
    converter.convert(str(directory / "model"))


def optimum(directory: Path) -> None:
    """A model in ONNX whose weight is in a file of its own; it looks up each token in it."""
    import onnx
    from onnx import TensorProto, helper
    from transformers import BertConfig

    _tokenizer(directory / "model")
    BertConfig(vocab_size=len(_WORDS), hidden_size=16).save_pretrained(directory / "model")
    shape = ("batch", "sequence")
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in names]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, (*shape, 16))
    content = array("f", [1.0] * 16 * len(_WORDS)).tobytes()
    size = (len(_WORDS), 16)
    weight = helper.make_tensor("weight", TensorProto.FLOAT, size, content, raw=True)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["weight", "input_ids"], ["last_hidden_state"])],
        "embedding",
        inputs,
        [output],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (directory / "model" / "onnx").mkdir()
    path = directory / "model" / "onnx" / "model.onnx"
    onnx.save(model, path)
    outside = {"location": "model_outside.onnx_data", "size_threshold": 0}
    onnx.save(model, path.with_name("model_outside.onnx"), save_as_external_data=True, **outside)


def spacy(directory: Path) -> None:
    import spacy as library

    model = library.blank("en")
    model.add_pipe("sentencizer")
    model.to_disk(directory / "model")


def main() -> None:
    make: Callable[[Path], None] = globals()[sys.argv[1]]
    make(Path(sys.argv[2]))
