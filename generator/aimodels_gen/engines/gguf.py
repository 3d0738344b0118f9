"""What is known of GGUF files."""

from __future__ import annotations

import msgspec


class Gguf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a GGUF file holds; None where that is not known.

    Attributes:
        architecture: such as `llama`.
        context_length: in tokens.
        quant: the quantisation, such as `Q4_K_M`.
    """

    architecture: str | None = None
    context_length: int | None = None
    quant: str | None = None
