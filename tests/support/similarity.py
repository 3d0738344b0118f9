"""Load a sentence embedding model with transformers and see whether it understands anything.

As a program, `python similarity.py MODEL`: prints the cosine similarities of three sentences, as
JSON with --json, and fails when the two that mean the same are not the closest.
"""

from __future__ import annotations

import json
import sys
from itertools import combinations

import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

SENTENCES = (
    "A cat is sleeping on the sofa.",
    "A kitten naps on the couch.",
    "The stock market fell sharply on Monday.",
)


def similarities(model_name: str) -> list[float]:
    """The cosines of the pairs (0, 1), (0, 2) and (1, 2)."""
    tokenizer = AutoTokenizer.from_pretrained(model_name)
    model = AutoModel.from_pretrained(model_name).eval()
    batch = tokenizer(list(SENTENCES), padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    means = (states * mask).sum(dim=1) / mask.sum(dim=1)
    return [
        torch.cosine_similarity(means[one], means[other], dim=0).item()
        for one, other in combinations(range(len(SENTENCES)), 2)
    ]


def main() -> int:
    logging.disable_progress_bar()
    cosines = similarities(sys.argv[1])
    if "--json" in sys.argv:
        lines = [json.dumps(cosines)]
    else:
        pairs = zip(combinations(SENTENCES, 2), cosines, strict=True)
        lines = [f"{cosine:6.3f}  {one}  ~  {other}" for (one, other), cosine in pairs]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if cosines[0] > max(cosines[1:]) else 1


if __name__ == "__main__":
    sys.exit(main())
