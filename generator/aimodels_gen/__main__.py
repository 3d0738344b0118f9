"""The program `aimodels-gen`, which is also `python -m aimodels_gen`."""

import sys


def main() -> None:
    """Run the command line. An interrupt is told in one line, also while modules are imported."""
    try:
        from aimodels_gen.cli import main as run  # noqa: PLC0415 - it takes long enough

        run()
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
