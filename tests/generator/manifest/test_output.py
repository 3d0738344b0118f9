"""`[output]` of models.toml, and what `[defaults]` shares."""

from __future__ import annotations

import pytest

from aimodels_gen.engines.huggingface import Integration
from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.output import Output
from aimodels_gen.manifest.parse import parse


def test_outputs() -> None:
    assert parse("").outputs == ()
    assert parse('[output]\nfile = "models.nix"').outputs == (Output("models.nix"),)
    several = """
        [[output]]
        file = "nix/models.nix"
        [[output]]
        file = "../ai-models.nix"
        format = "nixos"
    """
    assert parse(several).outputs == (
        Output("nix/models.nix"),
        Output("../ai-models.nix", "nixos"),
    )


@pytest.mark.parametrize(
    ("text", "expected", "hint"),
    [
        ("output = 1", "output is an integer", "table"),
        ('output = "models.nix"', "output is a string", '`output.file = "models.nix"`'),
        ('output = ["x"]', "output holds 'x'", '`output = [{ file = "x" }]`'),
        ('[output]\npath = "x"', "output has no file", '`file = "x"` instead of path'),
        ('[output]\nfile = "x"\nformat = "nix"', "output.format", '`format = "packages"`'),
        ("output = [1]", "output holds 1", "list of tables"),
        ("[output]", "output has no file", 'add file = "models.nix"'),
        ('[output]\nfile = ""', "output.file is empty", "value"),
        ('[output]\nfiel = "x"', "output has no file", 'add file = "models.nix"'),
        ('[output]\nfile = "x"\nformt = "nixos"', "output.formt is not a known key", "format"),
        (
            '[output]\nfile = "x"\nformat = "nixso"',
            "output.format is 'nixso'",
            "did you mean nixos",
        ),
        ('[[output]]\nfile = "x"\nformat = 1', "output[1].format is an integer", "string"),
        ('[[output]]\nfile = "x"\n[[output]]\n', "output[2] has no file", "models.nix"),
        ('[output]\nfile = "/etc/x.nix"', "output.file is /etc/x.nix", "relative"),
        ('[output]\nfile = "~/x.nix"', "output.file is ~/x.nix", "relative"),
        ('[output]\nfile = "nix/"', "output.file is nix/, which is a directory", "models.nix"),
        ('[output]\nfile = ".."', "output.file is .., which is a directory", "models.nix"),
        ('[output]\nfile = "-"', "output.file is -", "remove output"),
        (
            '[[output]]\nfile = "x"\n[[output]]\nfile = "a/../x"\nformat = "json"',
            "output[2].file is x, which another output writes",
            "another file",
        ),
    ],
)
def test_outputs_that_are_wrong(text: str, expected: str, hint: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(text)
    assert f"models.toml: {expected}" in caught.value.message
    assert hint in (caught.value.hint or "")


def test_defaults_have_the_keys_of_a_model() -> None:
    text = """
        [defaults]
        integration.huggingface = { enable = false, org = "us" }
        [models.a]
        source.huggingface = { repo = "o/a" }
        [models.b]
        source.huggingface = { repo = "o/b" }
        integration.huggingface = { enable = true, model = "b2" }
    """
    a, b = parse(text).entries
    assert a.integration == Integration(enable=False, org="us")
    assert b.integration == Integration(enable=True, org="us", model="b2")
    for key in ("source", "fallbacks", "name"):
        with pytest.raises(ManifestError, match=f"defaults.{key} is not a known key"):
            parse(f"[defaults]\n{key} = {{}}")
