"""The program: in builds it reads a spec, and for users it runs the commands of an image."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from aimodels_images.errors import ImageError


def main(argv: list[str]) -> int:
    """Run the program; return the exit status, 0, 1, 2 or 130."""
    # Layers do not depend on the modules that they do without: see ../../integration/image.nix.
    try:
        if argv[0] == "run":
            from aimodels_images.cli import run  # noqa: PLC0415

            return run(Path(argv[1]), argv[2:])
        spec = json.loads(Path(argv[0]).read_bytes())
        out = Path(os.environ["out"])  # noqa: SIM112 (Nix's)
        if "files" in spec:
            from aimodels_images.build_layer import build_layer  # noqa: PLC0415

            build_layer(spec, out)
        else:
            from aimodels_images.build import build  # noqa: PLC0415

            build(spec, out / "image")
    except ImageError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        sys.stderr.write(f"error: {error.message}{hint}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"error: {error.filename}: {error.strerror}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
