"""How many bytes a Hub sends the second time, for a model that was built before."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import BIN, ONCE, WEIGHTS, Settings, run, scratch
from pins import PKGS, prepare
from report import Figure, Row, absent, row, size
from support.environment import CHECKOUT
from support.hub import BigFile, Hub
from support.nix import UnavailableError, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.fake_repo import Content, Repo
    from support.nix import NixEnv

_SHARDS = 30
_LARGEST = 1 << 20  # bytes of a shard
_PEER = "size of the model"
_README = b"# Another\n" * 100
_MODEL = """
let
  pkgs = PKGS;
  stdenvNoCC = pkgs.stdenvNoCC // {
    mkDerivation = attrs: pkgs.stdenvNoCC.mkDerivation (attrs // { stdenv = "BUMP"; });
  };
in
(import PROJECT/models.nix {
  pkgs = pkgs // {
    inherit stdenvNoCC;
    buildPackages = pkgs.buildPackages // { inherit stdenvNoCC; };
  };
  inherit (import CHECKOUT/nix) fetchModel;
}).NAME
"""


def measure(settings: Settings) -> Iterator[Row]:
    """Change one thing after the other, and count; `copy` needs `prefetch` before each build."""
    shard = min(_LARGEST, settings.size // _SHARDS)
    try:
        for layout in ("link", "copy"):
            with Hub() as hub, environment("host") as nix, scratch() as directory:
                os.environ["HF_ENDPOINT"] = hub.url
                try:
                    yield from _Model(hub, nix, directory, layout, shard).measure()
                finally:
                    del os.environ["HF_ENDPOINT"]
    except UnavailableError as error:
        yield absent("not measured", [str(error)])


@dataclass
class _Model:
    """A model that is built, and whose single files have been collected."""

    hub: Hub
    nix: NixEnv
    directory: Path
    layout: str
    shard: int

    def measure(self) -> Iterator[Row]:
        files: dict[str, Content] = {
            f"model-{n:05}-of-{_SHARDS:05}.safetensors": BigFile(self.shard, n)
            for n in range(_SHARDS)
        }
        files |= {"README.md": b"# A model\n" * 80, "config.json": b"{}\n" * 200}
        repo = self.hub.add_repo("bench/model", files, lfs=[WEIGHTS])
        total = sum(map(len, files.values()))
        self._write("")
        prepare(self.nix, "[ ]")
        yield self._row("at first, with prefetch", total, total, prefetch=True)

        files["model-00007-of-00030.safetensors"] = BigFile(self.shard, 99)
        repo.commit(files)
        yield self._row("a shard of 30", self.shard, total, "update")
        repo.commit({**files, "README.md": _README})
        yield self._row("a README", len(_README), total, "update")
        yield self._row("a new nixpkgs", 0, total, bump="another")
        self._twin(repo)
        yield self._row("another model with the same files", 0, total, name="twin")

    def _twin(self, repo: Repo) -> None:
        self.hub.add_repo("bench/twin", repo.files, lfs=[WEIGHTS])
        self._write('[models.twin]\nsource.huggingface.repo = "bench/twin"\n')

    def _write(self, more: str) -> None:
        models = '[models.m]\nsource.huggingface.repo = "bench/model"\n'
        text = f'[defaults]\nlayout = "{self.layout}"\n{models}{more}'
        (self.directory / "models.toml").write_text(text, encoding="utf-8")

    def _row(  # noqa: PLR0913 (what is done, and what is expected)
        self,
        what: str,
        least: int,
        total: int,
        command: str = "lock",
        *,
        prefetch: bool = False,
        name: str = "m",
        bump: str = "",
    ) -> Row:
        """Lock, build and collect garbage; return the row of the bytes that this takes."""
        self.hub.clear()
        generator = BIN / "aimodels-gen"
        env = self.nix.variables()
        run(generator, command, "-o", "models.nix", cwd=self.directory, env=env)
        if prefetch or self.layout == "copy":
            run(generator, "prefetch", cwd=self.directory, env=env)
        expression = _MODEL.replace("PKGS", PKGS).replace("CHECKOUT", str(CHECKOUT))
        expression = expression.replace("PROJECT", str(self.directory)).replace("NAME", name)
        kept = self.nix.dir / f"result-{name}"
        self.nix.run("nix-build", "-E", expression.replace("BUMP", bump), "-o", kept)
        self.nix.run("nix-store", "--gc")
        sent = sum(
            request.sent_bytes
            for request in self.hub.log
            if not request.path.startswith("/api/models/") and request.status in {200, 206}
        )
        found, all_of_it = Figure([sent], size), Figure([total], size)
        under = max(1, least) * ONCE if least else 1
        return row(f"{self.layout}: {what}", found, all_of_it, _PEER, under=under)
