"""`lib.integration`: shells that a real Nix starts, caches, and the messages for wrong calls."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT
from support.expressions import LIBRARY, files_pin
from support.nix import NixError

if TYPE_CHECKING:
    from conftest import Runner
    from support.hub import Hub
    from support.nix import NixEnv

SHELL = "pkgs.mkShell {{ shellHook = integration.mkShellHook {{ models = [ ({}) ]; }}; }}"
IN_THE_SHELL = "echo $HF_HUB_OFFLINE; cat $XDG_CACHE_HOME/huggingface/hub/*/snapshots/*/config.json"


@pytest.fixture
def model(hub: Hub) -> str:
    """Return the expression of a model that can be built."""
    return files_pin(hub, hub.add_repo("org/model", {"config.json": b"{}"}))


@pytest.mark.parametrize("program", ["nix develop", "nix-shell"])
def test_a_shell_has_the_model(nix: NixEnv, model: str, tmp_path: Path, program: str) -> None:
    expression = LIBRARY + SHELL.format(model)
    options = {
        "nix develop": ("--impure", "--expr", expression, "-c", "sh", "-c", IN_THE_SHELL),
        "nix-shell": ("-E", expression, "--run", IN_THE_SHELL),
    }
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert nix.run(*program.split(), *options[program], env=env).stdout == "1\n{}"


def test_the_profile_of_a_shell_keeps_its_models(nix: NixEnv, model: str, tmp_path: Path) -> None:
    profile = ("--profile", str(tmp_path / "profile"))
    shell = ("--impure", "--expr", LIBRARY + SHELL.format(model), "-c", "true")
    nix.run("nix", "develop", *profile, *shell, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    (link,) = (tmp_path / "cache/huggingface/hub").iterdir()
    nix.run("nix-store", "--gc")
    assert nix.path(link.readlink()).is_dir()
    for generation in tmp_path.glob("profile*"):
        generation.unlink()
    nix.run("nix-store", "--gc")
    assert not nix.path(link.readlink()).exists()


DIRENV = {
    "use nix": ("shell.nix", "{}"),
    "use flake --impure": (
        "flake.nix",
        "{{ outputs = _: {{ devShells.x86_64-linux.default = {}; }}; }}",
    ),
}


@pytest.mark.parametrize("use", DIRENV)
def test_direnv(host_nix: NixEnv, model: str, tmp_path: Path, use: str) -> None:
    if shutil.which("direnv") is None:
        pytest.skip("there is no direnv on this machine")
    name, text = DIRENV[use]
    expression = (LIBRARY + SHELL.format(model)).replace("./", f"{CHECKOUT}/")
    (tmp_path / name).write_text(text.format(expression))
    (tmp_path / ".envrc").write_text(use)
    cache = tmp_path / "cache"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **host_nix.variables()}
    env["XDG_CACHE_HOME"] = str(cache)
    commands = f"direnv allow && exec direnv exec . sh -c {shlex.quote(IN_THE_SHELL)}"
    done = subprocess.run(
        ("sh", "-c", commands), check=False, capture_output=True, text=True, env=env, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (0, "1\n{}"), done.stderr
    (link,) = (cache / "huggingface/hub").iterdir()
    host_nix.run("nix-store", "--gc")
    # A flake's environment is a profile below .direnv.
    assert link.exists() == ("flake" in use)


@pytest.mark.parametrize("layout", ["copy", "link"])
def test_a_cache_of_models_loads_where_nothing_can_be_written(
    nix: NixEnv, model: str, unprivileged: Runner, layout: str
) -> None:
    laid_out = model.removesuffix("}") + f'layout = "{layout}"; }}'
    cache = nix.build(f"{LIBRARY} integration.mkCache pkgs {{ any = ({laid_out}); }}")
    (link,) = (cache / "hub").iterdir()
    assert link.name == "models--org--model"
    # No second copy, whatever the layout.
    assert all(blob.is_symlink() for blob in (nix.path(link.readlink()) / "blobs").iterdir())
    code = "import huggingface_hub as h; print(h.hf_hub_download('org/model', 'config.json'))"
    env = {"HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    loaded = unprivileged(sys.executable, "-c", code, env=env)
    assert loaded.returncode == 0, loaded.stderr
    assert Path(loaded.stdout.rstrip()).read_text() == "{}"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_remote_code_is_kept_below_hf_home_or_where_it_is_told(
    host_nix: NixEnv, model: str, unprivileged: Runner, *, elsewhere: bool
) -> None:
    """As docs/shells.md and docs/containers.md describe for HF_MODULES_CACHE."""
    cache = host_nix.build(f"{LIBRARY} integration.mkCache pkgs [ ({model}) ]")
    code = (
        "import os\n"
        f"if {elsewhere}: os.environ['HF_MODULES_CACHE'] = os.environ['TMPDIR'] + '/modules'\n"
        "from transformers.dynamic_module_utils import init_hf_modules; init_hf_modules()"
    )
    done = unprivileged(sys.executable, "-c", code, env={"HF_HOME": str(cache)})
    assert (done.returncode == 0) == elsewhere
    assert elsewhere or f"{cache}/modules" in done.stderr


def test_a_cache_of_thousands_of_models(host_nix: NixEnv) -> None:
    """Their links do not fit into an environment variable."""
    cache = host_nix.build(
        f"{LIBRARY} integration.mkCache pkgs (builtins.genList (number:"
        ' { outPath = "/nowhere/${toString number}"; hfCachePath = "models--${toString number}"; }'
        ") 3000)"
    )
    assert len(list((cache / "hub").iterdir())) == 3000


PLAIN = (
    'library.fetchModel pkgs { name = "plain"; source.huggingface.repo = "a/b"; hash = "";'
    " integration.huggingface.enable = false; }"
)
CALLS = {
    "mkShellHook": "integration.mkShellHook {{ models = {}; }}",
    "mkCache": "(integration.mkCache pkgs ({})).outPath",
    "mkImage": "(integration.mkImage pkgs {{ models = {}; }}).outPath",
    "mkContainerMounts": "integration.mkContainerMounts {{ models = {}; }}",
    "mkContainerVolumes": "integration.mkContainerVolumes {{ models = {}; }}",
}


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize(
    ("models", "say"),
    [
        ('model "x"', ["must be a list or an attribute set", "write `[ model ]`"]),
        ('"/nix/store/x"', ["must be a list or an attribute set"]),
        ("null", ["must be a list or an attribute set"]),
        (f"[ ({PLAIN}) ]", ['model "plain"', "enable = false", "getModelPath"]),
        (f"{{ mine = {PLAIN}; }}", ['model "mine"', "enable = false"]),
        ('[ (model "x") "/nix/store/x" ]', ['"number 2" was not made by `fetchModel`']),
        ("{ default = pkgs.cacert; }", ['"default" was not made by `fetchModel`']),
        (
            '{ a = model "x"; b = model "y"; c = (model "y") // { outPath = "/nix/store/z"; }; }',
            [
                '"b" and "c" are both models--org--y in the cache: keep one, or write `',
                '`integration.huggingface = { org = "org"; model = "c"; };` where "c" is made',
            ],
        ),
    ],
)
def test_wrong_models_say_what_to_do(
    host_nix: NixEnv, function: str, models: str, say: list[str]
) -> None:
    with pytest.raises(NixError) as caught:
        host_nix.eval(LIBRARY + CALLS[function].format(models))
    for part in [f"nix-ai-models: integration.{function}: ", *say]:
        assert part in str(caught.value)


def test_a_wrong_model_for_a_link_says_what_to_do(host_nix: NixEnv) -> None:
    with pytest.raises(NixError) as caught:
        host_nix.eval(f'{LIBRARY} integration.mkLinkScript {{ model = {PLAIN}; cacheDir = "/x"; }}')
    assert 'integration.mkLinkScript: model "plain"' in str(caught.value)


@pytest.mark.parametrize("directory", ['"models"', "/models", '"/a:b"', "null"])
@pytest.mark.parametrize(
    ("function", "argument"), [("mkContainerMounts", "cacheDir"), ("mkContainerVolumes", "home")]
)
def test_a_wrong_directory_says_what_to_do(
    host_nix: NixEnv, function: str, argument: str, directory: str
) -> None:
    models = 'models = [ (model "x") ];'
    with pytest.raises(NixError) as caught:
        host_nix.eval(f"{LIBRARY} integration.{function} {{ {models} {argument} = {directory}; }}")
    message = f"integration.{function}: `{argument}` is a directory in the container: write an abs"
    assert message in str(caught.value)


@pytest.mark.parametrize("call", CALLS.values())
def test_the_right_calls_are_right(host_nix: NixEnv, call: str) -> None:
    """Otherwise the wrong ones would prove nothing."""
    assert host_nix.eval(LIBRARY + call.format('[ (model "x") (model "y") ]'))
