"""The directories of engines that our Home Manager module puts models into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modules.helpers import problems
from modules.test_places import BLOB, MANIFEST, WEIGHTS, evaluated
from support.expressions import literal
from support.home import Home
from support.linker import contents, touched
from support.modules import generation, home_manager, pinned

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub
    from support.nix import NixEnv

LMSTUDIO = ".lmstudio/models"
STATE = ".local/state/nix-ai-models"


def evaluated_at_home(models: str, settings: str = "") -> str:
    return evaluated(models, settings).replace("services.ai-models", "programs.ai-models")


SERVICE = """{ lib, ... }: {
  options.services.ollama.environmentVariables = lib.mkOption {
    type = lib.types.attrsOf lib.types.str;
    default = { };
  };
  config.services.ollama.environmentVariables.OLLAMA_MODELS = "/srv/o";
}"""


def test_the_directory_of_ollama(store: NixEnv) -> None:
    """Where the user's service looks, or else the program."""
    models = evaluated_at_home(
        'a.ollama.name = "llama3.2:1b";', 'integration.ollama.mode = "link";'
    )
    variable = '{ home.sessionVariables.OLLAMA_MODELS = "$HOME/o"; }'
    for more, expected in (
        ((), "/home/alice/.ollama/models"),
        ((variable,), "/home/alice/o"),
        ((SERVICE, variable), "/srv/o"),
    ):
        found = store.eval(f"""let c = {home_manager(models, *more)}; in {{
          inherit (c.programs.ai-models.integration.ollama) modelsDir;
          noprune = c.services.ollama.environmentVariables.OLLAMA_NOPRUNE or null;
        }}""")
        assert found == {"modelsDir": expected, "noprune": "1" if SERVICE in more else None}


def test_conflicts(store: NixEnv) -> None:
    models = evaluated_at_home("a.comfyui.vae = '' * ''; a.triton = { };".replace(" * ", "*"))
    path = "programs.ai-models.integration"
    assert problems(store, home_manager(models)) == [
        f'{path}.{kind}: "a" is for {title}, and the path of its directory is not set: set '
        f'`{path}.{kind}.modelsDir = "/var/lib/{kind}/models"`, or `{path}.{kind}.enable = false`'
        for kind, title in (("comfyui", "ComfyUI"), ("triton", "Triton"))
    ]


def test_generations(homes: Path, store: NixEnv, models_hub: Hub) -> None:
    """Models come and go with generations; files of the user and of Ollama stay."""
    repo = models_hub.add_repo("org/llama", {"m.gguf": WEIGHTS}, lfs=["*.gguf"])
    alice = Home.new(homes / "alice", 31337, store)
    where = f'home = {{ username = "alice"; homeDirectory = {literal(str(alice.path))}; }};'

    def built(integrations: str, settings: str = "") -> Path:
        given = (
            pinned(models_hub, repo).removesuffix("}") + f" integration = {{{integrations}}}; }}"
        )
        return generation(
            store,
            f"{{ {where} }}",
            f"{{ programs.ai-models = {{ enable = true; models.a = {given}; {settings} }}; }}",
        )

    both = built('ollama.name = "llama3.2:1b"; lmstudio = { };')
    mine = alice.own(f"{LMSTUDIO}/me/mine/m.gguf")
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    alice.give(alice.path)
    before = touched(mine)
    done = alice.activate(both, DRY_RUN="1")
    assert f"would link {alice.path}/{LMSTUDIO}/org/llama/m.gguf to " in done.stdout
    assert not alice.own(".ollama").exists()

    alice.activate(both)
    assert alice.own(f"{LMSTUDIO}/org/llama/m.gguf").read_bytes() == WEIGHTS
    assert alice.own(f"{LMSTUDIO}/org/llama/m.gguf").is_symlink()
    assert alice.own(f".ollama/models/{BLOB}").read_bytes() == WEIGHTS
    assert not alice.own(f".ollama/models/{MANIFEST}").is_symlink()
    state = touched(alice.own(STATE))
    assert "ai-models: " not in alice.activate(both).stdout
    assert touched(alice.own(STATE)) == state

    # One of them leaves, and the directory of the other moves.
    alice.activate(
        built(
            "lmstudio = { };", f"integration.lmstudio.modelsDir = {literal(str(alice.own('lm')))};"
        )
    )
    assert not alice.own(".ollama").exists()
    assert contents(alice.own(LMSTUDIO)).keys() == {"me", "me/mine", "me/mine/m.gguf"}
    assert alice.own("lm/org/llama/m.gguf").read_bytes() == WEIGHTS

    one = built(
        'comfyui.vae = "*";',
        f'integration.comfyui = {{ mode = "link"; modelsDir = {literal(str(alice.own("c")))}; }};',
    )
    alice.activate(one)
    assert not alice.own("lm").exists()
    assert alice.own("c").is_symlink()
    assert alice.own("c/vae/m.gguf").read_bytes() == WEIGHTS

    alice.activate(generation(store, f"{{ {where} }}", "{ programs.ai-models.enable = false; }"))
    assert not alice.own("c").is_symlink()
    assert list(alice.own(STATE).iterdir()) == []
    assert touched(mine) == before
