"""`python -m aimodels_gen`: the same program as `aimodels-gen`."""

from aimodels_gen.cli import main

if __name__ == "__main__":
    main()
