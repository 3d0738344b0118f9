"""What the lock knows of GGUF files: from the Hub, from names, and from headers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_gen.lock.file import parse
from support import ggufs
from support.hub import Response
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub, Request
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.remedies import Remedy
    from support.s3 import Moto

MANIFEST = """
[models.m]
source.huggingface = { repo = "org/name" }
"""
HUB_SAYS = {"gguf": {"architecture": "llama", "context_length": 8192, "total": 86000}}


def ranges(hub: Hub) -> list[str]:
    """Return the ranges that were asked for, without the redirects to them."""
    return [
        one.headers["range"] for one in hub.log if "range" in one.headers and "/cdn/" in one.path
    ]


def facts(project: Project) -> Any:
    return project.lock["m"].get("gguf")


def lock(hub: Hub, project: Project, files: dict[str, bytes], **card: object) -> str:
    """Lock a repository with these files; return what is said."""
    hub.add_repo("org/name", files, lfs=["*.gguf"], card=card)
    project.write(MANIFEST)
    hub.clear()
    result = project.run("lock", "-q")
    assert result.status == 0, result.err
    return result.err


def test_what_the_hub_says_needs_no_request(hub: Hub, hub_project: Project) -> None:
    files = {**ggufs.repository(["Q4_K_M", "Q8_0"]), "mmproj-F16.gguf": ggufs.mmproj()}
    del files["config.json"], files["README.md"]
    assert lock(hub, hub_project, files, **HUB_SAYS) == ""
    assert facts(hub_project) == {
        "mmproj-F16.gguf": {"quant": "F16"},
        "tiny-Q4_K_M.gguf": {"architecture": "llama", "contextLength": 8192, "quant": "Q4_K_M"},
        "tiny-Q8_0.gguf": {"architecture": "llama", "contextLength": 8192, "quant": "Q8_0"},
    }
    assert len(hub.log) == 2
    assert "architecture" not in hub_project.lock["m"]["card"]


def test_headers_are_read_with_one_request_each(hub: Hub, hub_project: Project) -> None:
    files = {
        "tiny.gguf": ggufs.llama("Q4_K_M", context=4096),
        "tiny-Q8_0.gguf": ggufs.llama("Q4_K_M"),  # the name is what people ask for
        "mmproj-F16.gguf": ggufs.mmproj(),
    }
    assert lock(hub, hub_project, files) == ""
    assert facts(hub_project) == {
        "mmproj-F16.gguf": {"architecture": "clip", "quant": "F16"},
        "tiny-Q8_0.gguf": {"architecture": "llama", "contextLength": 128, "quant": "Q8_0"},
        "tiny.gguf": {"architecture": "llama", "contextLength": 4096, "quant": "Q4_K_M"},
    }
    assert len(ranges(hub)) == 3
    assert set(ranges(hub)) <= {"bytes=0-65535", f"bytes=0-{len(files['mmproj-F16.gguf']) - 1}"}
    shown = hub_project.ok("show", "m")
    assert "architecture  llama" in shown
    assert "quantisation  " in shown
    (listed,) = json.loads(hub_project.ok("list", "--json"))["models"]
    assert (listed["architecture"], listed["contextLength"]) == ("llama", 128)
    assert listed["quants"] == ["Q8_0", "Q4_K_M"]
    assert "Q8_0, Q4_K_M" in hub_project.ok("list")
    (detailed,) = json.loads(hub_project.ok("show", "--json"))["models"]
    assert detailed["gguf"][0] == {
        "path": "mmproj-F16.gguf", "architecture": "clip", "quant": "F16",
    }  # fmt: skip
    # What has not changed is not read again.
    hub.add_repo("org/other", {"x.json": b"{}", **files}, lfs=["*.gguf"])
    hub_project.write(MANIFEST + MANIFEST.replace("org/name", "org/other").replace(".m]", ".n]"))
    hub.clear()
    hub_project.ok("lock", "-q")
    assert hub_project.lock["n"]["gguf"] == facts(hub_project)
    assert ranges(hub) == []


def test_a_longer_header_takes_more_requests(hub: Hub, hub_project: Project) -> None:
    keys: dict[str, object] = {"general.architecture": "qwen3"}
    keys |= {
        "tokenizer.ggml.tokens": ["x" * 100] * 2000,
        "qwen3.context_length": 40960,
        "general.file_type": 15,
    }
    data = ggufs.Writer().file(keys)
    assert lock(hub, hub_project, {"a.gguf": data, "b-Q8_0.gguf": data}) == ""
    expected = {"architecture": "qwen3", "contextLength": 40960}
    assert facts(hub_project)["a.gguf"] == {**expected, "quant": "Q4_K_M"}
    assert facts(hub_project)["b-Q8_0.gguf"] == {**expected, "quant": "Q8_0"}
    assert sorted(ranges(hub)) == ["bytes=0-65535"] * 2 + [f"bytes=65536-{len(data) - 1}"] * 2


def test_shards_are_one_model(hub: Hub, hub_project: Project) -> None:
    names = ggufs.shard_names("BF16/tiny-BF16", 3)
    assert lock(hub, hub_project, dict(zip(names, ggufs.llama_shards(3), strict=True))) == ""
    assert facts(hub_project) == {
        names[0]: {"architecture": "llama", "contextLength": 128, "quant": "BF16"}
    }
    assert len(ranges(hub)) == 1


def test_models_without_gguf_files_ask_for_nothing_more(hub: Hub, hub_project: Project) -> None:
    assert lock(hub, hub_project, {"model.safetensors": b"x" * 5000, "config.json": b"{}"}) == ""
    assert facts(hub_project) is None
    assert ranges(hub) == []


def test_what_is_no_gguf_file_is_a_warning(hub: Hub, hub_project: Project) -> None:
    said = lock(hub, hub_project, {"x-Q8_0.gguf": b"<svg>" + bytes(5000)})
    assert said == (
        "warning: m: x-Q8_0.gguf: it is not a GGUF file: it starts with '<svg>\\x00\\x00\\x00'\n"
    )
    assert facts(hub_project) == {"x-Q8_0.gguf": {"quant": "Q8_0"}}


def test_a_header_that_is_refused_is_a_warning(hub: Hub, hub_project: Project) -> None:
    def refuse(request: Request) -> Response | None:
        return Response(500, {}, [b""]) if "range" in request.headers else None

    def send_another(request: Request) -> Response | None:
        if "range" not in request.headers or "/cdn/" not in request.path:
            return None
        headers = {"Content-Range": "bytes 8-15/100000", "Content-Length": "8"}
        return Response(206, headers, [b"GGUF" + bytes(4)])

    for fault, reason in (
        (refuse, "the header of x-Q8_0.gguf could not be read: "),
        (send_another, "x-Q8_0.gguf: the server sent other bytes than it was asked for\n"),
    ):
        hub.faults = fault
        hub_project.lock_file.unlink(missing_ok=True)
        said = lock(hub, hub_project, {"x-Q8_0.gguf": ggufs.llama("Q8_0")})
        assert said.startswith(f"warning: m: {reason}")
        assert facts(hub_project) == {"x-Q8_0.gguf": {"quant": "Q8_0"}}


@cures(
    'the upload may be damaged: ask its owner to replace it, or leave it out with exclude = ["…"]'
)
def test_a_header_that_contradicts_the_size(hub: Hub, hub_project: Project, remedy: Remedy) -> None:
    files = {"x.gguf": ggufs.llama()[:2000], "y.gguf": ggufs.llama()}
    hub.add_repo("org/name", files, lfs=["*.gguf"])
    hub_project.write(MANIFEST)
    said = hub_project.fails("lock")
    assert "m: org/name: x.gguf: it is cut: its header needs at least" in said
    (pattern,) = remedy(said)
    hub_project.write(f'{MANIFEST}exclude = ["{pattern}"]\n')
    hub_project.ok("lock", "-q")
    assert list(facts(hub_project)) == ["y.gguf"]


@pytest.mark.parametrize(
    "gguf",
    [
        "llama", [], {}, {"architecture": 3}, {"architecture": ""}, {"architecture": "x" * 99},
        {"architecture": "a\nb"}, {"context_length": 5},
    ],
)  # fmt: skip
def test_what_the_hub_says_wrongly_is_not_taken(
    hub: Hub, hub_project: Project, gguf: object
) -> None:
    assert lock(hub, hub_project, {"x-Q8_0.gguf": ggufs.llama("Q8_0")}, gguf=gguf) == ""
    assert facts(hub_project)["x-Q8_0.gguf"]["contextLength"] == 128


def test_a_lock_from_before_stays_as_it_is(hub: Hub, hub_project: Project) -> None:
    lock(hub, hub_project, {"x-Q8_0.gguf": ggufs.llama("Q8_0")})
    data = json.loads(hub_project.lock_file.read_text())
    del data["models"]["m"]["gguf"], data["models"]["m"]["integrity"]
    hub_project.lock_file.write_text(json.dumps(data))
    hub.clear()
    hub_project.ok("lock", "-q")
    assert hub.log == []
    assert facts(hub_project) is None
    assert "architecture" not in hub_project.ok("show")
    # With what a hand has changed it is not the lock's any more.
    lock(hub, hub_project, {"y-Q8_0.gguf": ggufs.llama("Q8_0")})
    hub_project.ok("update", "-q")
    text = hub_project.lock_file.read_text()
    assert facts(hub_project)
    edited = text.replace('"contextLength": 128', '"contextLength": 129')
    assert parse(edited, hub_project.lock_file).models["m"].edited
    assert not parse(text, hub_project.lock_file).models["m"].edited


def test_trees_have_them(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", ggufs.repository(["Q8_0", "Q4_K_M"]), lfs=["*.gguf"])
    hub_project.write(MANIFEST.replace("org/name", "org/name:Q8_0") + 'pin = "tree"\n')
    hub_project.ok("lock", "-q")
    assert facts(hub_project) == {
        "tiny-Q8_0.gguf": {"architecture": "llama", "contextLength": 128, "quant": "Q8_0"}
    }


def test_files_at_urls_and_in_buckets(
    hub: Hub, moto: Moto, recording_proxy: RecordingProxy, bucket: str, hub_project: Project
) -> None:
    data = ggufs.llama("Q4_K_M")
    hub.add_repo("org/name", {"x.gguf": data}, lfs=["*.gguf"])
    moto.put(bucket, {"y.gguf": data, "z.json": b"{}"})
    integration = 'integration.huggingface = { org = "o", model = "NAME" }\n'
    url = f'source.url.files."x.gguf" = "{hub.url}/org/name/resolve/main/x.gguf"\n'
    hub_project.write(
        f"[models.m]\n{url}{integration}"
        f'[models.n]\nsource.s3.bucket = "{bucket}"\n{integration.replace("NAME", "n")}'
    )
    hub_project.ok("lock", "-q")
    expected = {"architecture": "llama", "contextLength": 128, "quant": "Q4_K_M"}
    assert facts(hub_project) == {"x.gguf": expected}
    assert hub_project.lock["n"]["gguf"] == {"y.gguf": expected}
    asked = [one for one in recording_proxy.log if one.headers.get("range") == "bytes=0-65535"]
    assert len(asked) == 1
