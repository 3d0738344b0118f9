"""Parameters of Ollama's models, with the types that `Options` and `Runner` in api/types.go have.

Ollama ignores a parameter that it does not know, and refuses to run a model with one of another
type.
"""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

from aimodels_engines.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

_INTEGERS = (
    *("draft_num_predict", "main_gpu", "num_batch", "num_ctx", "num_gpu", "num_keep"),
    *("num_predict", "num_thread", "repeat_last_n", "seed", "top_k"),
)
_NUMBERS = (
    *("frequency_penalty", "min_p", "presence_penalty", "repeat_penalty", "temperature"),
    *("top_p", "typical_p"),
)
_BOOLEANS = ("use_mmap",)
_TEXTS = ("stop",)
# Ollama reads Modelfiles that have them, and leaves them out (parser/parser.go).
_DROPPED = (
    *("f16_kv", "logits_all", "low_vram", "mirostat", "mirostat_eta", "mirostat_tau", "numa"),
    *("penalize_newline", "tfs_z", "use_mlock", "vocab_only"),
)
PARAMETERS = tuple(sorted((*_INTEGERS, *_NUMBERS, *_BOOLEANS, *_TEXTS)))
_GREATEST = 1 << 63
_GREATEST_FLOAT = 3.4e38


def check(given: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return parameters as Ollama's JSON has them.

    Args:
        given: What `integration.ollama.params` is.
        model: The name of the model, for messages.

    Raises:
        EngineError: Ollama does not have a parameter, or has it with another type.
    """
    return {name: _value(name, value, model) for name, value in given.items()}


def _value(name: str, value: Any, model: str) -> Any:  # noqa: ANN401
    where = f'model "{model}": integration.ollama.params'
    if name in _DROPPED:
        raise EngineError(f'{where}: Ollama has dropped the parameter "{name}"', f'remove "{name}"')
    if name not in PARAMETERS:
        near = difflib.get_close_matches(name.lower().replace("-", "_"), PARAMETERS, 1)
        hint = f'write "{near[0]}"' if near else f"write one of: {', '.join(PARAMETERS)}"
        raise EngineError(f'{where}: Ollama has no parameter "{name}"', hint)
    if name in _TEXTS:
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return texts
        wanted = 'a text, or a list of texts, such as [ "</s>" ]'
    elif name in _BOOLEANS:
        if isinstance(value, bool):
            return value
        wanted = "true or false"
    elif name in _NUMBERS:
        if _is_number(value) and abs(value) <= _GREATEST_FLOAT:
            return value
        wanted = "a number, such as 0.7"
    else:
        if _is_number(value) and value == int(value) and abs(value) < _GREATEST:
            return int(value)
        wanted = "a whole number, such as 1"
    raise EngineError(
        f"{where}.{name} is {_shown(value)}",
        f"write {wanted}, without quotes" if isinstance(value, str) else f"write {wanted}",
    )


def _is_number(value: Any) -> Any:  # noqa: ANN401
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: object) -> str:
    shown = {True: "true", False: "false"}[value] if isinstance(value, bool) else ascii(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."  # noqa: PLR2004 - of a line
