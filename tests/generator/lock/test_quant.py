"""GGUF files by their quantisation: `quant`, `mmproj` and `repo = "org/name:Q4_K_M"`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.parse import parse
from support import ggufs
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project
    from support.remedies import Remedy

MODEL = "[models.m]\nsource.huggingface = "
SHARDS = ggufs.shard_names("BF16/tiny-BF16", 3)
FILES = {
    "README.md": b"# tiny\n",
    "config.json": b"{}\n",
    "tiny-Q4_K_M.gguf": b"1",
    "tiny-Q4_K_S.gguf": b"22",
    "tiny-UD-Q4_K_XL.gguf": b"333",
    "tiny-Q8_0.gguf": b"4444",
    "mmproj-F16.gguf": b"16",
    "mmproj-F32.gguf": b"3232",
    **{path: path.encode() for path in SHARDS},
}


def source(keys: str, more: str = "") -> str:
    return f"{MODEL}{{ {keys} }}\n{more}"


def add_repo(hub: Hub, **files: bytes) -> None:
    hub.add_repo("org/name", {**FILES, **files}, lfs=["*.gguf"])


@pytest.mark.parametrize(
    ("keys", "more", "taken"),
    [
        ('repo = "org/name:Q4_K_M"', "", ["tiny-Q4_K_M.gguf"]),
        ('repo = "org/name:q4_k_m"', "", ["tiny-Q4_K_M.gguf"]),
        ('repo = "org/name", quant = "Q4_K_S"', "", ["tiny-Q4_K_S.gguf"]),
        ('repo = "org/name", quant = "Q4_K_XL"', "", ["tiny-UD-Q4_K_XL.gguf"]),
        ('repo = "org/name:ud-q4_k_xl"', "", ["tiny-UD-Q4_K_XL.gguf"]),
        ('repo = "org/name", quant = ["Q8_0", "Q4_K_M", "q8_0"]', "",
         ["tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"]),
        ('repo = "org/name", quant = "bf16"', "", SHARDS),
        ('repo = "org/name:Q8_0", mmproj = true', "", ["mmproj-F16.gguf", "tiny-Q8_0.gguf"]),
        ('repo = "org/name:Q8_0", mmproj = "f32"', "", ["mmproj-F32.gguf", "tiny-Q8_0.gguf"]),
        ('repo = "org/name:Q8_0", mmproj = false', "", ["tiny-Q8_0.gguf"]),
        ('repo = "org/name:Q8_0"', 'include = ["*.json"]', ["config.json", "tiny-Q8_0.gguf"]),
        ('repo = "org/name", quant = "BF16", mmproj = true', "", ["mmproj-F16.gguf", *SHARDS]),
        ('repo = "org/name:Q8_0"', 'include = ["README.md", "config.json"]\nexclude = ["*.json"]',
         ["README.md", "tiny-Q8_0.gguf"]),
    ],
)  # fmt: skip
def test_files_that_are_taken(
    hub: Hub, hub_project: Project, keys: str, more: str, taken: list[str]
) -> None:
    add_repo(hub)
    hub_project.write(source(keys, more))
    result = hub_project.run("lock", "-q")
    assert (result.status, result.err) == (0, "")
    assert sorted(hub_project.files()) == sorted(taken)
    assert '"org/name"' in result.out


def test_a_tree_has_patterns_of_the_files(hub: Hub, hub_project: Project) -> None:
    add_repo(hub)
    text = source('repo = "org/name:Q4_K_M", mmproj = true', 'include = ["*.json"]\npin = "tree"')
    hub_project.write(text)
    out = hub_project.ok("lock", "-q")
    included = re.search(r"include = \[(.*?)\]", out, re.DOTALL)
    assert included is not None
    assert included[1].split() == ['"tiny-Q4_K_M.gguf"', '"mmproj-F16.gguf"', '"*.json"']
    assert "quant" not in out
    assert hub_project.lock["m"]["tree"]["count"] == 3
    hub.clear()
    assert hub_project.ok("lock", "-q") == out
    assert hub.log == []
    hub_project.ok("update", "-q")
    assert not any("/resolve/" in request.path for request in hub.log)


def test_the_lock_remembers_the_choice(hub: Hub, hub_project: Project) -> None:
    add_repo(hub)
    others = '[models.other]\nsource.huggingface = { repo = "org/name", quant = "Q8_0" }\n'
    others += 'integration.huggingface.model = "other"\n'
    hub_project.write(source('repo = "org/name:Q4_K_M"') + others)
    hub_project.ok("lock", "-q")
    locked = hub_project.lock["m"]
    assert locked["source"]["huggingface"]["quant"] == "Q4_K_M"
    assert locked["include"] == ["tiny-Q4_K_M.gguf"]
    before = hub_project.lock_file.read_bytes()
    hub.clear()
    # The same in other words: nothing is asked.
    hub_project.write(source('repo = "org/name", quant = ["q4_k_m"]') + others)
    hub_project.ok("lock", "-q")
    assert hub_project.lock_file.read_bytes() == before
    assert hub.log == []
    # Another one: only this model is locked again.
    hub_project.write(source('repo = "org/name", quant = ["Q4_K_M", "Q8_0"]') + others)
    assert "other" not in hub_project.run("lock", "--check").err
    hub_project.ok("lock", "-q")
    assert sorted(hub_project.files()) == ["tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"]
    assert hub_project.lock["other"]["files"].keys() == {"tiny-Q8_0.gguf"}
    hub_project.ok("verify", "-q")
    assert hub_project.run("outdated", "-q", "--exit-code").status == 0


def test_an_update_takes_files_by_their_new_names(hub: Hub, hub_project: Project) -> None:
    repo = hub.add_repo("org/name", FILES, lfs=["*.gguf"])
    hub_project.write(source('repo = "org/name:Q8_0"'))
    hub_project.ok("lock", "-q")
    files = {path: data for path, data in FILES.items() if path != "tiny-Q8_0.gguf"}
    shards = ggufs.shard_names("Q8_0/tiny-v2-Q8_0", 2)
    repo.commit({**files, **{path: path.encode() for path in shards}})
    assert "Q8_0/tiny-v2-Q8_0-00001-of-00002.gguf" in hub_project.ok("outdated", "-v")
    hub_project.ok("update", "-q")
    assert sorted(hub_project.files()) == shards
    assert hub_project.lock["m"]["include"] == shards


REFUSED = [
    'repo = "org/name", mmproj = true',
    'repo = "org/name", quant = "Q4 K"',
    'repo = "org/name:Q8_0", mmproj = "*"',
]


@cures(
    'add quant = "Q4_K_M", or another one: without it all files are taken',
    'write the quantisation as in the name of the file, such as "Q4_K_M"',
)
def test_what_the_manifest_may_not_say(remedy: Remedy) -> None:
    for keys in REFUSED:
        with pytest.raises(ManifestError) as raised:
            parse(source(keys))
        remedy(f"error: {raised.value.message}\nhint: {raised.value.hint}")
    parse(source('repo = "org/name", quant = "Q8_0"'))
    parse(source('repo = "org/name", mmproj = true, quant = "Q4_K_M"'))


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ('repo = "org/name", quant = ""', "quant is empty"),
        ('repo = "org/name", quant = []', "quant is empty"),
        ('repo = "org/name", quant = 4', "quant is an integer"),
        ('repo = "org/name:Q8_0", mmproj = ""', "mmproj is empty"),
        ('repo = "org/name:Q8_0", mmproj = 16', "mmproj is an integer"),
        ('repo = "org/name:Q8_0", mproj = true', "mproj is not a known key"),
        ('repo = "org/name:Q4_K_M", quant = "Q8_0"', "quant is set, and repo names one, too"),
        ('repo = "org/name:Q4_K_M:Q8_0"', "repo is"),
        ('repo = ":Q4_K_M"', "repo is"),
    ],
)
def test_other_mistakes(keys: str, reason: str) -> None:
    with pytest.raises(ManifestError) as raised:
        parse(source(keys))
    assert f"source.huggingface.{reason}" in raised.value.message


@cures('write repo = "…" there, without a quantisation')
def test_a_fallback_has_the_files_of_the_source(
    hub: Hub, hub_project: Project, remedy: Remedy
) -> None:
    add_repo(hub)
    hub.add_repo("org/copy", FILES, lfs=["*.gguf"])
    text = source('repo = "org/name:Q8_0"', 'fallbacks = [{ huggingface = { repo = "REPO" } }]\n')
    hub_project.write(text.replace("REPO", "org/copy:Q8_0"))
    (repo,) = remedy(hub_project.fails("lock"))
    hub_project.write(text.replace("REPO", repo))
    hub_project.ok("lock", "-q")
    assert hub_project.lock["m"]["fallbacks"]
    assert list(hub_project.files()) == ["tiny-Q8_0.gguf"]


def fails(hub_project: Project, keys: str, more: str = "") -> str:
    hub_project.write(source(keys, more))
    return hub_project.fails("lock", "-q")


@cures('did you mean quant = "…"? it has …', "write one of those that it has: …")
def test_a_quantisation_that_is_not_there(hub: Hub, hub_project: Project, remedy: Remedy) -> None:
    add_repo(hub)
    said = fails(hub_project, 'repo = "org/name:Q5_1"')
    assert "m: org/name has no GGUF file of the quantisation Q5_1" in said
    remedy(said)
    assert "Q4_K_M, Q4_K_S, UD-Q4_K_XL, Q8_0, BF16" in fails(hub_project, 'repo = "org/name:TQ1_0"')
    remedy(fails(hub_project, 'repo = "org/name", quant = "smallest"'))
    said = fails(hub_project, 'repo = "org/name:Q8_0"', 'exclude = ["*Q8*"]\n')
    assert "; or change exclude, which may leave it out" in said
    near, _ = remedy(fails(hub_project, 'repo = "org/name:Q4_K_L"'))
    hub_project.write(source(f'repo = "org/name", quant = "{near}"'))
    hub_project.ok("lock", "-q")


@cures('write include = ["…*"] instead of quant, for example')
def test_files_without_a_quantisation(hub: Hub, hub_project: Project, remedy: Remedy) -> None:
    hub.add_repo("org/name", {"model.gguf": b"1", "README.md": b"#"}, lfs=["*.gguf"])
    (stem,) = remedy(fails(hub_project, 'repo = "org/name:Q8_0"'))
    hub_project.write(source('repo = "org/name"', f'include = ["{stem}*"]'))
    hub_project.ok("lock", "-q")
    assert list(hub_project.files()) == ["model.gguf"]


@cures("remove quant, or name a repository of GGUF files")
def test_a_repository_without_gguf_files(hub: Hub, hub_project: Project, remedy: Remedy) -> None:
    hub.add_repo("org/name", {"model.safetensors": b"1", "mmproj-F16.gguf": b"2"}, lfs=["*.*"])
    remedy(fails(hub_project, 'repo = "org/name:Q8_0"'))
    hub_project.write(source('repo = "org/name"'))
    hub_project.ok("lock", "-q")


def test_exclude_is_named_where_it_leaves_all_out(hub: Hub, hub_project: Project) -> None:
    add_repo(hub)
    text = 'exclude = ["*.gguf"]'
    assert "change exclude" in fails(hub_project, 'repo = "org/name:Q8_0"', text)


@cures("leave all but one out, as with exclude = […]")
@pytest.mark.parametrize(
    "others",
    [
        ["old/tiny-Q8_0.gguf"],
        ggufs.shard_names("x [1]/tiny-Q8_0", 2),
        ["a-Q8_0.gguf", "z-Q8_0.gguf"],
    ],
)
def test_two_models_of_a_quantisation(
    hub: Hub, hub_project: Project, others: list[str], remedy: Remedy
) -> None:
    add_repo(hub, **dict.fromkeys(others, b"other"))
    said = fails(hub_project, 'repo = "org/name:Q8_0"')
    assert "several models of Q8_0" in said
    (patterns,) = remedy(said)
    hub_project.write(source('repo = "org/name:Q8_0"', f"exclude = [{patterns}]"))
    hub_project.ok("lock", "-q")
    assert len(hub_project.files()) == 1


@cures('write include = ["…"] instead of quant, for example')
def test_many_models_of_a_quantisation(hub: Hub, hub_project: Project, remedy: Remedy) -> None:
    add_repo(hub, **{f"{size}b-Q8_0.gguf": b"x" for size in range(1, 9)})
    (pattern,) = remedy(fails(hub_project, 'repo = "org/name:Q8_0"'))
    hub_project.write(source('repo = "org/name"', f'include = ["{pattern}"]'))
    hub_project.ok("lock", "-q")
    assert len(hub_project.files()) == 1


def test_shards_that_are_not_taken(hub: Hub, hub_project: Project) -> None:
    names = ggufs.shard_names("a-Q4_K_M", 4)
    hub.add_repo("org/name", {path: path.encode() for path in [*names, "b.gguf"]}, lfs=["*.gguf"])
    hub_project.write(source('repo = "org/name"', f'exclude = ["{names[0]}", "{names[3]}"]\n'))
    said = hub_project.run("lock", "-q").err
    assert f"warning: m: it lacks {names[0]} and 1 more of its shards, and no engine loads" in said
    (pattern,) = re.findall(r"none with (exclude = .*\])", said)
    for more in (f"{pattern}\n", ""):
        hub_project.write(source('repo = "org/name"', more))
        assert hub_project.run("lock", "-q").err == ""
        assert len(hub_project.files()) == (1 if more else 5)


@cures("the upload may still be under way: lock again later")
def test_shards_that_are_missing(hub: Hub, hub_project: Project, remedy: Remedy) -> None:
    files = {path: data for path, data in FILES.items() if path != SHARDS[1]}
    repo = hub.add_repo("org/name", files, lfs=["*.gguf"])
    said = fails(hub_project, 'repo = "org/name:BF16"')
    assert f"org/name lacks {SHARDS[1]} of BF16" in said
    assert "a quant that is whole: Q4_K_M, Q4_K_S, UD-Q4_K_XL, Q8_0" in said
    remedy(said)
    repo.commit(FILES)
    hub_project.ok("lock", "-q")


@cures("write mmproj = …", "remove mmproj: without it, the model reads text only")
def test_an_mmproj_that_is_not_there(hub: Hub, hub_project: Project, remedy: Remedy) -> None:
    add_repo(hub)
    remedy(fails(hub_project, 'repo = "org/name:Q8_0", mmproj = "BF16"'))
    hub_project.write(source('repo = "org/name:Q8_0", mmproj = "F16"'))
    hub_project.ok("lock", "-q")
    hub.add_repo("org/text", {"x-Q8_0.gguf": b"1"}, lfs=["*.gguf"])
    remedy(fails(hub_project, 'repo = "org/text:Q8_0", mmproj = true'))
    hub_project.write(source('repo = "org/text:Q8_0"'))
    hub_project.ok("lock", "-q")


@cures('write include = ["…"] instead of mmproj, for example')
def test_an_mmproj_elsewhere(hub: Hub, hub_project: Project, remedy: Remedy) -> None:
    files = {"a/x-Q8_0.gguf": b"1", "b/mmproj-F16.gguf": b"2"}
    hub.add_repo("org/name", files, lfs=["*.gguf"])
    (path,) = remedy(fails(hub_project, 'repo = "org/name:Q8_0", mmproj = true'))
    hub_project.write(source('repo = "org/name:Q8_0"', f'include = ["{path}"]'))
    hub_project.ok("lock", "-q")
    assert sorted(hub_project.files()) == sorted(files)


def test_defaults_apply(hub: Hub, hub_project: Project) -> None:
    add_repo(hub)
    defaults = '[defaults]\ninclude = ["*.json"]\nexclude = ["UD-*", "README.md"]\n\n'
    hub_project.write(defaults + source('repo = "org/name:Q8_0"'))
    hub_project.ok("lock", "-q")
    assert sorted(hub_project.files()) == ["config.json", "tiny-Q8_0.gguf"]


def test_no_more_requests_than_without_it(hub: Hub, hub_project: Project) -> None:
    """The choice is made from the listing."""
    counts: list[Any] = []
    for keys, more in (
        ('repo = "org/name", quant = "Q8_0"', ""),
        ('repo = "org/same"', 'include = ["tiny-Q8_0.gguf"]'),
    ):
        hub.add_repo("org/same", FILES, lfs=["*.gguf"])
        add_repo(hub)
        hub_project.write(source(keys, more))
        hub.clear()
        hub_project.ok("lock", "-q")
        counts.append(len(hub.log))
    assert counts[0] == counts[1]
