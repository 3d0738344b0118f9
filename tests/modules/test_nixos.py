"""What our NixOS module makes of accounts, services and settings that other modules have, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modules.helpers import problems
from support.expressions import literal
from support.modules import nixos

if TYPE_CHECKING:
    from support.nix import NixEnv

HF = "services.ai-models.integration.huggingface"
DECLARED = """
  users.users = {
    inference = { };
    key.name = "other-name";
    gone.enable = false;
  };
  users.groups = { inference = { }; "with space" = { }; };
"""


@pytest.mark.parametrize(
    ("option", "account", "line"),
    [
        ("user", "root", None),
        ("user", "inference", None),
        ("user", "other-name", None),
        ("user", "0", None),
        ("user", "61234", None),
        ("user", "4294967294", None),
        ("group", "root", None),
        ("group", "inference", None),
        ("group", "100", None),
        *(
            (
                "user",
                name,
                (
                    f'users.users.{written} = {{ isSystemUser = true; group = "{name}"; }};'
                    f" users.groups.{written} = {{ }};"
                ),
            )
            for name, written in {
                "nobodyhere": "nobodyhere",
                "key": "key",
                "gone": "gone",
                "Inference": "Inference",
                "dom user": '"dom user"',
                "007": '"007"',
                "65535": '"65535"',
                "4294967295": '"4294967295"',
                "99999999999": '"99999999999"',
                "": '""',
            }.items()
        ),
        ("group", "nobodyhere", "users.groups.nobodyhere = { };"),
    ],
)
def test_accounts(store: NixEnv, option: str, account: str, line: str | None) -> None:
    module = f"{{ services.ai-models.enable = true; {HF}.{option} = {literal(account)}; }}"
    found = problems(store, nixos(module, f"{{ {DECLARED} }}"))
    if line is None:
        assert found == []
        return
    (message,) = found
    assert message == (
        f'{HF}.{option} = "{account}" is not a declared {option}: declare it with `{line}`, or, if '
        "it exists outside of the configuration, set its number"
    )
    # The hint in the message works, and nothing is said where nothing is linked.
    assert problems(store, nixos(module, f"{{ {line} }}")) == []
    assert problems(store, nixos(module, f"{{ {HF}.enable = false; }}")) == []


def test_a_token_for_a_daemon_that_is_not_of_nixos(store: NixEnv) -> None:
    module = '{ services.ai-models = { enable = true; tokenFile = "/run/token"; }; }'
    for enable, count in (("true", 0), ("false", 1)):
        config = nixos(module, f"{{ nix.enable = {enable}; }}")
        found = problems(store, config)
        assert len(found) == count
        units = store.eval(f"builtins.attrNames {config}.systemd.services")
        assert ("nix-daemon" in units, "ai-models-token" in units) == (not count, not count)
    assert found[0].startswith("services.ai-models.tokenFile is for the nix-daemon of NixOS")
    assert "remove it" in found[0]


def test_a_token_file_that_systemd_would_not_read(store: NixEnv) -> None:
    module = '{ services.ai-models = { enable = true; tokenFile = "/run/../token"; }; }'
    assert problems(store, nixos(module)) == [
        'services.ai-models.tokenFile = "/run/../token" contains `..`: write the path without it'
    ]


SERVICES = """{ lib, ... }: {
  systemd.services = {
    vllm.script = "true";
    "text-embed@".script = "true";
    "odd:name\\\\x2d.1".script = "true";
    packaged = { };
    own = {
      script = "true";
      environment.HF_HOME = "/var/lib/own";
    };
    never = lib.mkIf false { script = "true"; };
    nowhere = lib.mkMerge [ (lib.mkIf true (lib.mkIf false { script = "true"; })) ];
    sometimes = lib.mkIf true (lib.mkMerge [ (lib.mkIf false { }) { script = "true"; } ]);
  };
}"""
NO_UNIT = (
    f'{HF}.services contains "{{name}}", which no module defines in `systemd.services`: {{advice}}'
)
CORRECT = "correct the name; for a unit of `systemd.packages`, add `systemd.services.{} = {{ }};`"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("vlm", CORRECT.format("vlm")),
        ("vlm.service", CORRECT.format("vlm")),
        ("vllm.socket", CORRECT.format('"vllm.socket"')),
        ("never", CORRECT.format("never")),
        ("nowhere", CORRECT.format("nowhere")),
        ("ai-models", CORRECT.format("ai-models")),
        ("text-embed@en", 'write "text-embed@", which is for all of its instances'),
    ],
)
def test_services_that_do_not_exist(store: NixEnv, name: str, advice: str) -> None:
    """A unit would be made that has an environment only."""
    module = f"{{ services.ai-models.enable = true; {HF}.services = [ {literal(name)} ]; }}"
    assert problems(store, nixos(module, SERVICES)) == [
        NO_UNIT.format(name=name.removesuffix(".service"), advice=advice)
    ]


@pytest.mark.parametrize("name", ["ours", "imported"])
def test_services_of_a_list(store: NixEnv, name: str) -> None:
    """Wherever the module comes from, its own definitions do not count."""
    listed = [
        *("vllm", "vllm.service", "text-embed@", "text-embed@.service", "packaged", "own"),
        *("odd:name\\x2d.1", "sometimes"),
    ]
    module = f"""{{
      services.ai-models.enable = true;
      {HF} = {{
        offline = true;
        services = [ {" ".join(map(literal, listed))} ];
      }};
    }}"""
    config = nixos(module, SERVICES)
    if name == "imported":
        config = config.replace("modules = [", "ours = import ./nix/modules/nixos.nix; modules = [")
    assert problems(store, config) == []
    found = store.eval(f"""
      let config = {config}; in {{
        all = config.systemd.globalEnvironment;
        each = builtins.mapAttrs (_name: unit: unit.environment) config.systemd.services;
      }}
    """)
    ours = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    assert found["all"] == {}
    assert {unit: values for unit, values in found["each"].items() if values} == {
        **{
            unit: {**ours, "HF_HOME": "/var/cache/huggingface"}
            for unit in ("vllm", "text-embed@", "packaged", "odd:name\\x2d.1", "sometimes")
        },
        "own": {**ours, "HF_HOME": "/var/lib/own"},
    }


def test_nixpkgs_does_not_warn(store: NixEnv) -> None:
    """Of functions that are deprecated, for example."""
    module = f"""{{
      services.ai-models = {{
        enable = true;
        enforceLicenses = true;
        models.a = {{ source.huggingface.repo = "org/a"; hash = ""; meta.license = "mit"; }};
        tokenFile = "/run/token";
      }};
      {HF} = {{ cacheDir = "/srv/hf"; mode = "directory"; user = "hf"; services = [ "vllm" ]; }};
      users.users.hf = {{ }};
      {file_system('fsType = "nfs";')}
    }}"""
    made = "config: [ config.assertions config.systemd config.system.extraDependencies ]"
    done = store.run(
        *("nix-instantiate", "--eval", "--strict", "-E", f"({made}) {nixos(module, SERVICES)}")
    )
    assert done.stderr == ""


def test_services_of_an_empty_list(store: NixEnv) -> None:
    module = f"{{ services.ai-models.enable = true; {HF}.services = [ ]; }}"
    config = nixos(module)
    assert problems(store, config) == []
    assert store.eval(f"{config}.systemd.globalEnvironment") == {}
    assert "user@" not in store.eval(f"builtins.attrNames {config}.systemd.services")


def test_a_service_of_the_list_starts_after_a_late_link(store: NixEnv) -> None:
    module = f"""{{
      services.ai-models.enable = true;
      {HF} = {{ cacheDir = "/srv/hf"; services = [ "vllm" ]; }};
      fileSystems."/srv" = {{ mountPoint = "/srv"; device = "host:/"; fsType = "nfs"; }};
    }}"""
    found = store.eval(
        f"let unit = {nixos(module, SERVICES)}.systemd.services.vllm; in [ unit.after unit.wants ]"
    )
    assert found == [["ai-models.service"], ["ai-models.service"]]


def unit(settings: str) -> str:
    return f'systemd.mounts = [ {{ where = "/srv"; what = "x"; {settings} }} ];'


def file_system(settings: str, point: str = "/srv") -> str:
    return f'fileSystems."{point}" = {{ mountPoint = "{point}"; {settings} }};'


def autofs(master: str, enable: str = "true") -> str:
    return f"services.autofs = {{ enable = {enable}; autoMaster = {literal(master)}; }};"


LATE = {
    unit('type = "nfs";'): True,
    unit('options = "rw,_netdev";'): True,
    unit('after = [ "network.target" ];'): True,
    unit('requires = [ "vpn.service" ];'): True,
    unit('after = [ "systemd-modules-load.service" "zfs-import-x.service" ];'): False,
    unit('type = "nfs"; enable = false;'): False,
    autofs("/srv auto.srv"): True,
    autofs("# Ours\n  /srv/hf\tfile:/etc/auto.hf --timeout 60\n"): True,
    autofs("/srv/other auto.srv\n/- auto.direct"): False,
    autofs("/srv auto.srv", "false"): False,
    file_system('fsType = "nfs";'): True,
    file_system('fsType = "nfs"; enable = false;'): False,
    file_system('depends = [ "/net/a" ];') + file_system('fsType = "nfs";', "/net"): True,
    file_system('depends = [ "/net" ];') + file_system('fsType = "nfs";', "/net/a"): False,
    file_system('device = "/srv/a"; options = [ "bind" ];'): False,
    file_system('fsType = "zfs"; options = [ "x-systemd.requires=zfs-import-a.service" ];'): False,
    file_system('options = [ "x-systemd.after=a.service,rw" ];'): True,
}


@pytest.mark.parametrize(("mounts", "late"), LATE.items())
def test_when_the_unit_starts(store: NixEnv, mounts: str, late: bool) -> None:  # noqa: FBT001 (a parameter)
    module = f'{{ services.ai-models.enable = true; {HF}.cacheDir = "/srv/hf"; }}'
    found = store.eval(
        f"let unit = {nixos(module, f'{{ {mounts} }}')}.systemd.services.ai-models;"
        " in { inherit (unit) after before wantedBy; }"
    )
    assert found["wantedBy"] == ["multi-user.target" if late else "sysinit.target"]
    assert ("sysinit.target" in found["before"]) != late
    assert ("remote-fs.target" in found["after"]) == late
    assert ("autofs.service" in found["after"]) == late
