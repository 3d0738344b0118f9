from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.filters import Filters
from aimodels_gen.engines.huggingface import Integration
from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.model import Entry
from aimodels_gen.manifest.parse import load, parse
from aimodels_gen.sources.huggingface import HuggingFace
from aimodels_gen.tables import OneOrMore

if TYPE_CHECKING:
    from pathlib import Path

REV = "01c7f73d771dfac7d292323805ebc428287df4f9"
MODEL = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'


def only(text: str) -> Entry:
    (entry,) = parse(text).entries
    return entry


def test_everything_that_can_be_said() -> None:
    entry = only(
        f"""
        [models."whisper-1.0+x"]
        source.huggingface.repo = "org/name"
        source.huggingface.rev = "{REV}"
        source.huggingface.repo_type = "dataset"
        source.huggingface.endpoint = "https://hub.example.org/"
        include = ["*.json"]
        exclude = ["x/*"]
        pin = "tree"
        integration.huggingface = {{ enable = false, org = "o", model = "m" }}
        """
    )
    source = HuggingFace("org/name", "main", REV, "dataset", OneOrMore(["https://hub.example.org"]))
    assert entry == Entry(
        name="whisper-1.0+x",
        source=source,
        filters=Filters(("*.json",), ("x/*",)),
        pin="tree",
        layout="copy",
        integration=Integration(enable=False, org="o", model="m"),
        chooses_layout=False,
    )


def test_defaults_are_merged_and_a_models_own_value_wins() -> None:
    text = """
        [defaults]
        include = ["*"]
        exclude = ["*.bin"]
        pin = "tree"
        layout = "link"
        [models.a]
        source.huggingface = { repo = "a" }
        [models.b]
        source.huggingface = { repo = "b" }
        include = ["*.json"]
        exclude = []
        pin = "files"
        layout = "copy"
    """
    a, b = parse(text).entries
    assert (a.filters, a.pin, a.layout) == (Filters(("*",), ("*.bin",)), "tree", "link")
    assert (b.filters, b.pin, b.layout) == (Filters(("*.json",), ()), "files", "copy")


@pytest.mark.parametrize(
    ("endpoint", "meant"),
    [
        ('"http://[::1]:8090/hub//"', "http://[::1]:8090/hub"),
        ('["https://a.example/"]', "https://a.example"),
        ('["https://a.example", "https://a.example/"]', "https://a.example"),
        ('["https://b.example/", "https://a.example"]', ["https://b.example", "https://a.example"]),
    ],
)
def test_endpoints_have_one_form(endpoint: str, meant: str | list[str]) -> None:
    source = only(MODEL.replace(" }", f", endpoint = {endpoint} }}")).source
    assert source.to_nix() == {"repo": "org/name", "endpoint": meant}
    assert source.to_spec()["endpoint"] == meant


def test_a_ref_that_is_a_commit_means_rev() -> None:
    for ref in (REV, REV.upper()):
        text = f'[models.m]\nsource.huggingface = {{ repo = "o/n", ref = "{ref}" }}'
        assert only(text).source == HuggingFace("o/n", "main", REV)


@pytest.mark.parametrize("ref", ["main", "v1.0", "refs/pr/7", "feature/x", "a@b", "é"])
def test_refs_that_git_allows(ref: str) -> None:
    source = only(f'[models.m]\nsource.huggingface = {{ repo = "o/n", ref = "{ref}" }}').source
    assert source == HuggingFace("o/n", ref)


def test_the_digest_is_of_what_decides_the_files() -> None:
    plain = only(MODEL).digest()
    same = [
        'layout = "link"',
        'pin = "tree"',
        'integration.huggingface = { org = "x" }',
        "exclude = []",
    ]
    other = ['include = ["*"]', 'exclude = ["x"]']
    assert {only(MODEL + line).digest() for line in same} == {plain}
    assert plain not in {only(MODEL + line).digest() for line in other}
    for key in ('ref = "v1"', f'rev = "{REV}"', 'repo_type = "space"'):
        assert only(MODEL.replace(" }", f", {key} }}")).digest() != plain
    for endpoint in ('"https://a.example"', '["https://a.example", "https://b.example"]'):
        assert only(MODEL.replace(" }", f", endpoint = {endpoint} }}")).digest() == plain


HF = "models.m.source.huggingface"
# What stands in the manifest; then what the message must say: where, what is wrong, what to do.
BAD = [
    (MODEL + "inlcude = []", ["models.m.inlcude is not a known key", "did you mean include?"]),
    ("[modles.m]", ["modles is not a known key", "did you mean models?"]),
    ("[defaults]\nlayuot = 1", ["defaults.layuot", "did you mean layout?"]),
    (
        MODEL + "zzz = 1",
        ["models.m.zzz is not a known key", "valid keys: exclude, fallbacks, include"],
    ),
    (MODEL.replace("repo =", "rpeo ="), [f"{HF} has no repo", 'add repo = "org/name"']),
    (MODEL.replace(" }", ', typ = "x" }'), [f"{HF}.typ is not a known key"]),
    (MODEL.replace("huggingface", "hugingface"), ["hugingface", "write `source.huggingface ="]),
    ("[models.m]", ["models.m has no source", "source.huggingface"]),
    ("[models.m]\nsource = {}", ["models.m.source names no source", "source.huggingface"]),
    (
        MODEL + 'source.s3 = { bucket = "my-models" }',
        ["models.m.source names several sources", "fallbacks = [{"],
    ),
    (
        MODEL + 'fallbacks = [{ url.files.a = "https://a.example/a" }, {}]',
        ["models.m.fallbacks[2] names no source", "source.huggingface"],
    ),
    (MODEL.replace("org/name", "a/b/c"), [f"{HF}.repo is 'a/b/c'", "org/name"]),
    (MODEL.replace("org/name", "bad name"), ["not a repository id", "org/name"]),
    (MODEL.replace("org/name", "or--g/name"), ["not a repository id"]),
    (MODEL.replace("org/name", "org/n..m"), ["not a repository id"]),
    (MODEL.replace("org/name", "org/name.git"), ["not a repository id"]),
    (MODEL.replace("org/name", "../name"), ["not a repository id"]),
    (MODEL.replace("org/name", "órg/name"), ["not a repository id"]),
    (
        MODEL.replace("org/name", "datasets/org/d"),
        ['write `source.huggingface = { repo = "org/d", repo_type = "dataset" }`'],
    ),
    (
        MODEL.replace("org/name", "https://huggingface.co/org/name"),
        ['write `source.huggingface = { repo = "org/name" }`'],
    ),
    (MODEL.replace(" }", ', rev = "01c7f73" }'), [f"{HF}.rev is '01c7f73'", "40 lower-case hex"]),
    (
        MODEL.replace(" }", f', rev = "{REV.upper()}" }}'),
        [f'write `source.huggingface = {{ repo = "org/name", rev = "{REV}" }}`'],
    ),
    (
        MODEL.replace(" }", f', rev = "{REV}", ref = "v1" }}'),
        [f"{HF}.rev is set together with ref", "keep rev"],
    ),
    *[
        (MODEL.replace(" }", f', ref = "{ref}" }}'), [f"{HF}.ref is", "a branch, a tag"])
        for ref in ("../main", "a b", "/x", "x/", "a..b", "a.lock", "x:y", ".x", "a\\u0000b")
    ],
    (
        MODEL.replace(" }", ', repo_type = "models" }'),
        ["repo_type is 'models'", 'repo_type = "model" }`'],
    ),
    (MODEL.replace(" }", ', endpoint = "hub.example" }'), [f"{HF}.endpoint", "https://hub"]),
    (
        MODEL.replace(" }", ', endpoint = "https://user:secret@hub.example" }'),
        [f"{HF}.endpoint", "without user, password"],
    ),
    *[
        (MODEL.replace(" }", f", endpoint = {endpoint} }}"), [f"{HF}.endpoint {reason}", hint])
        for endpoint, reason, hint in (
            ("1", "is an integer", "write a string or a list"),
            ("[]", "is empty", "remove endpoint"),
            ('""', "is empty", "remove endpoint"),
            ('["https://a.example", ""]', "holds ''", "list of strings"),
            ('["https://a.example", 1]', "holds 1", "list of strings"),
            ('["https://a.example", "ftp://b"]', "is not an http(s) address", "place 2"),
            ('"https://a.example https://b.example"', "is not an http(s) address", "https://hub"),
        )
    ],
    (MODEL + "include = []", ["models.m.include is empty", "leave include out"]),
    ("[defaults]\ninclude = []", ["defaults.include is empty", "leave include out"]),
    (
        MODEL + 'include = "*.json"',
        ["models.m.include is a string", 'write `include = ["*.json"]`'],
    ),
    (MODEL + "include = [1]", ["models.m.include holds 1", "list of strings"]),
    (MODEL + 'exclude = [""]', ["models.m.exclude holds ''"]),
    (MODEL + 'pin = "file"', ["models.m.pin is 'file'", "did you mean files?"]),
    (MODEL + "pin = true", ["models.m.pin is a boolean", "write a string"]),
    (MODEL + 'layout = "copied"', ["models.m.layout is 'copied'", '"copy" or "link"']),
    (MODEL + 'pin = "tree"\nlayout = "link"', ["models.m.layout", "tree pin"]),
    (
        MODEL + "integration.huggingface.enable = 1",
        ["models.m.integration.huggingface.enable is an integer", "write a boolean"],
    ),
    (
        MODEL + 'integration.huggingface.org = "a/b"',
        ["integration.huggingface.org is 'a/b'", "letters"],
    ),
    (MODEL + 'integration.hugface.org = "a"', ["did you mean huggingface?"]),
    *[
        (
            f'[models.m]\nsource.s3 = {{ bucket = "my-models" }}\n{half}',
            ["models.m.source.s3 has no name of its own", "add integration.huggingface"],
        )
        for half in (
            "",
            'integration.huggingface.org = "a"',
            'integration.huggingface.model = "a"',
        )
    ],
    (MODEL.replace("models.m", 'models."a b"'), ['models."a b"', "letters, digits and + ."]),
    (MODEL.replace("models.m", 'models."modèle"'), ['models."modèle" is not a name']),
    *(
        (
            MODEL.replace("models.m", f"models.{name}"),
            [
                f"models.{name} has a meaning of its own in attribute sets of Nix",
                f"write `[models.{other}-model]`",
            ],
        )
        for name, other in {
            "__functor": "functor",
            "__toString": "toString",
            "_type": "type",
            "outPath": "outPath",
            "recurseForDerivations": "recurseForDerivations",
            "type": "type",
        }.items()
    ),
    (MODEL.replace("models.m", 'models.".m"'), ["not a name that the Nix store allows"]),
    (MODEL.replace("models.m", 'models."a\\nb"'), ['models."a\\nb"']),
    ("models = 1", ["models is an integer", "write a table"]),
    (
        '[[models]]\nname = "a.b"\n[[models]]\nname = "c"',
        ["models is a list", 'write `[models."a.b"]` and `[models.c]` instead of [[models]]'],
    ),
    ("[[models]]", ["models is a list", "write `[models.my-model]` instead"]),
    ("[models]\nm = 1", ["models.m is an integer", "write a table"]),
    (MODEL + MODEL, ["models.toml:3:", "twice"]),
    ("[models.m\n", ["models.toml:1:10"]),
    ("a = 1\nb = \n", ["models.toml:2:5"]),
    ('a = """\nx\n', ["models.toml:3: "]),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_mistakes_are_named(text: str, expected: list[str]) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(text)
    error = caught.value
    assert error.message.startswith("models.toml:")
    assert error.hint
    assert "secret" not in f"{error.message} {error.hint}"
    assert "\n" not in f"{error.message}{error.hint}"
    for part in expected:
        assert part in f"{error.message}\n{error.hint}"


def test_a_missing_manifest_and_one_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="there is no") as caught:
        load(tmp_path / "models.toml")
    assert "aimodels-gen init" in (caught.value.hint or "")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ManifestError, match="byte 5 is not UTF-8"):
        load(tmp_path / "latin.toml")


def test_a_byte_order_mark_and_windows_lines_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_bytes(b"\xef\xbb\xbf" + MODEL.replace("\n", "\r\n").encode())
    assert load(file).entries == (only(MODEL),)
