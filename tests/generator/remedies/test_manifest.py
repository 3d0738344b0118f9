"""What messages say to write into models.toml is written, and locking succeeds."""

# ruff: noqa: E501 - tables with a case on each line

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.loopback import LoopbackServer, Response
from support.remedies import cure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.hub import Hub
    from support.project import Project
    from support.remedies import Remedy

M = "[models.m]\n"
HUB = 'source.huggingface = { repo = "org/name" }\n'
NAMES = 'integration.huggingface = { org = "my-org", model = "my-model" }\n'
FILE = '[models.m]\nsource.url.files."model.gguf" = "URL/model.gguf"\n'
REV = "01c7f73d771dfac7d292323805ebc428287df4f9"


@pytest.fixture
def served(hub_project: Project, hub: Hub) -> Iterator[tuple[Project, str]]:
    """A project, and the URL of a server with a file; the Hub has org/name."""
    hub.add_repo("org/name", {"config.json": b"{}"})
    with LoopbackServer(lambda _: Response(200, {}, b"GGUF content")) as server:
        yield hub_project, server.url


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        cure("correct the TOML syntax there", f"{M}{HUB}x\n", M + HUB),
        cure("write `…`…", f"{M}source.huggingface.repo = org/name\n", M + "0"),
        cure("it is there twice: remove one, or give one another name", f"{M}{HUB}{M}{HUB}", M + HUB),
        cure("it is there twice: remove one, or give one another name", f"{M}{HUB}{M}{HUB}", f"{M}{HUB}[models.n]\n{HUB}"),
        cure("keep one side of the merge conflict, and remove the lines with <<<, === and >>>", f"<<<<<<< HEAD\n{M}{HUB}=======\n{M}>>>>>>> main\n", M + HUB),
        cure("write TOML: for each model …", '{ "models": { "m": { "repo": "org/name" } } }', "0"),
        cure("use a number with fewer digits, or fewer levels of tables and lists", f"x = {'1' * 5000}\n{M}{HUB}", M + HUB),
        cure("use letters, digits and + . _ ? = -, starting with a letter, a digit or _", f'[models."a b"]\n{HUB}', f"0\n{HUB}"),
        cure("choose another name", f"[models.type]\n{HUB}", f"0\n{HUB}"),
        cure('remove layout, or write pin = "files"', f'{M}{HUB}pin = "tree"\nlayout = "link"\n', f'{M}{HUB}pin = "files"\nlayout = "link"\n'),
        cure("leave include out to take every file, or name a pattern", f"{M}{HUB}include = []\n", f'{M}{HUB}include = ["*.json"]\n'),
        cure("write one, such as …", f"{M}source = {{}}\n", f"{M}{HUB}"),
        cure("name one, and list those that have the same files as fallbacks = [{ ... }, ...]", f'{M}{HUB}source.s3.bucket = "other"\n', f'{M}{HUB}fallbacks = [{{ huggingface = {{ repo = "org/name" }} }}]\n'),
        cure("use letters, digits, single - . and _, as in the name of a repository", f'{M}{HUB}integration.huggingface.org = "a/b"\n', f'{M}{HUB}integration.huggingface.org = "a-b"\n'),
        cure('add integration.huggingface = { org = "my-org", model = "my-model" }, or { enable = false } for the plain files', FILE, FILE + NAMES),
        cure("remove it: file names cannot contain it", f'{M}{HUB}include = ["a\\u0000b"]\n', f"{M}{HUB}"),
        cure("did you mean …?", f'{M}source.huggingface = {{ repo = "org/name", reff = "main" }}\n', f'{M}source.huggingface = {{ repo = "org/name", 0 = "main" }}\n'),
        cure("valid keys: …", f"{M}{HUB}zzz = 1\n", M + HUB),
        cure("add …", f'{M}source.huggingface.ref = "main"\n', f'{M}source.huggingface = {{ repo = "org/name", ref = "main" }}\n'),
        cure("write a list of tables", f"{M}{HUB}fallbacks = [1]\n", f'{M}{HUB}fallbacks = [{{ huggingface = {{ repo = "org/name" }} }}]\n'),
        cure("write a list of strings", f"{M}{HUB}include = [1]\n", f'{M}{HUB}include = ["*"]\n'),
        cure("set a value, or remove …", f'{M}source.huggingface = {{ repo = "org/name", ref = "" }}\n', M + HUB),
        cure("write …", f'{M}{HUB}pin = "no"\n', f"{M}{HUB}pin = 0\n"),
        cure("write a table, such as …", f"{M}source = 1\n", f"{M}0\n"),
        cure("write …", f"m.{HUB}", "0"),
        cure("put the name in quotes: write …", f"[models.m.1]\n{HUB}", f"0\n{HUB}"),
        cure("write … instead of [[models]]…", f'[[models]]\nname = "m"\n{HUB}', f"0\n{HUB}"),
        cure("write … instead of models = …", 'models = ["org/name"]\n', "0"),
        cure("write `[…]` instead of [[…]], once for each name", f"[[models.m]]\n{HUB}", f"[0]\n{HUB}"),
        cure("name another file", f'[[output]]\nfile = "a.nix"\n[[output]]\nfile = "a.nix"\n{M}{HUB}', f'[[output]]\nfile = "a.nix"\n[[output]]\nfile = "b.nix"\n{M}{HUB}'),
        cure('write a path relative to this file\'s directory, such as "models.nix"', f'[output]\nfile = "/a.nix"\n{M}{HUB}', f'[output]\nfile = "models.nix"\n{M}{HUB}'),
        cure("remove output to print to standard output, or name a file", f'[output]\nfile = "-"\n{M}{HUB}', M + HUB),
        cure('name another file, such as "models.nix"', f'[output]\nfile = "models.toml"\n{M}{HUB}', f'[output]\nfile = "models.nix"\n{M}{HUB}'),
        cure("write org/name, as at the top of the model's page", f'{M}source.huggingface.repo = "org/na me"\n', M + HUB),
        cure("keep rev to stay, or ref to follow", f'{M}source.huggingface = {{ repo = "org/name", rev = "{REV}", ref = "main" }}\n', M + HUB),
        cure("write the full commit in 40 lower-case hex digits; a branch or tag goes in ref", f'{M}source.huggingface = {{ repo = "org/name", rev = "01c7f73" }}\n', f'{M}source.huggingface = {{ repo = "org/name", ref = "main" }}\n'),
        cure("write a branch, a tag or refs/pr/N", f'{M}source.huggingface = {{ repo = "org/name", ref = "a..b" }}\n', f'{M}source.huggingface = {{ repo = "org/name", ref = "main" }}\n'),
        cure("write a URL like https://hub.example.org, without user, password or query", f'{M}source.huggingface = {{ repo = "org/name", endpoint = "HUB?x=y" }}\n', f'{M}source.huggingface = {{ repo = "org/name", endpoint = "HUB" }}\n'),
        cure('add files."model.gguf" = "https://…"', f"{M}source.url.files = {{}}\n{NAMES}", FILE + NAMES),
        cure('add url = "https://…"', FILE.replace('"URL/model.gguf"', "{}") + NAMES, FILE + NAMES),
        cure("write one like https://example.org/model.gguf, without user and password", FILE.replace("URL/", "http://a:b@example.org/") + NAMES, FILE + NAMES),
        cure("name an address without it: everybody could read it in the lock and the store", FILE.replace('gguf"\n', 'gguf?X-Amz-Signature=1"\n') + NAMES, FILE + NAMES),
        cure('if nothing in it is secret, add query = "public" to …', FILE.replace('gguf"\n', 'gguf?a=b"\n') + NAMES, f'{M}{NAMES}[0]\nquery = "public"\nfiles."model.gguf" = "URL/model.gguf?a=b"\n'),
    ],
)  # fmt: skip
def test_a_mistake(
    served: tuple[Project, str], hub: Hub, remedy: Remedy, broken: str, mended: str
) -> None:
    """In what is mended, 0 stands for what the hint fills in first, or for the lines it shows."""
    project, url = served
    project.write(broken.replace("URL", url).replace("HUB", hub.url))
    groups = remedy(project.fails("lock"))
    if "0" in mended:
        lines = re.findall("`([^`]+)`", groups[0]) if groups else remedy.commands
        mended = mended.replace("0", "\n".join(lines) or groups[0].partition(" or ")[0])
    project.write(mended.replace("URL", url).replace("HUB", hub.url))
    project.ok("lock")
