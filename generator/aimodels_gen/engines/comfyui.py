"""ComfyUI: files in the directories below its `models`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.engines.selection import Link, Selection, check_paths
from aimodels_gen.pasted import plain_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aimodels_gen.tables import Place

# Custom nodes add others.
_DIRECTORIES = (
    *("audio_encoders", "checkpoints", "clip", "clip_vision", "configs", "controlnet", "diffusers"),
    *("diffusion_models", "embeddings", "gligen", "hypernetworks", "latent_upscale_models"),
    *("loras", "model_patches", "photomaker", "style_models", "text_encoders", "unet"),
    *("upscale_models", "vae", "vae_approx"),
)


def check(given: Mapping[str, Selection], place: Place) -> None:
    """Refuse directories that are spelled differently, and paths that lead out of them.

    Raises:
        AimodelsError: `place.error`.
    """
    if not given:
        hint = 'name a directory and its files, such as { checkpoints = ["*.safetensors"] }'
        place.fail(None, "names no directory", hint)
    for name, selection in given.items():
        if meant := meant_by(name):
            place.fail(name, "is not a directory of ComfyUI", f"did you mean {meant}?")
        check_paths(("", *selection.places), place.child(name), f"{name}/")


def links(given: Mapping[str, Selection]) -> Iterator[Link]:
    """Yield what a directory for ComfyUI has of a model."""
    for name, selection in sorted(given.items()):
        yield from selection.links("comfyui", ("comfyui", name), f"{name}/")


def meant_by(name: str) -> str | None:
    """Return the directory that a name differs from in punctuation, case or number, or None."""
    plain = _plain(name)
    same = (one for one in _DIRECTORIES if _plain(one) in {plain, f"{plain}s", plain.rstrip("s")})
    return None if name in _DIRECTORIES else next(same, None)


def _plain(name: str) -> str:
    return plain_key(name).replace("_", "").replace(" ", "")
