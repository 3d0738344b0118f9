"""The options of `fleet.serve` and `fleet.pull`: what they refuse, and what they set."""

# ruff: noqa: E501 - tables with a case on each line

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modules.helpers import problems
from support.modules import nixos
from support.remedies import cure

if TYPE_CHECKING:
    from support.nix import NixEnv
    from support.remedies import Remedy

SERVE = "services.ai-models.fleet.serve"
PULL = "services.ai-models.fleet.pull"
PUBLIC = "cache.example.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
SECRET = f"cache.example.org-1:{'A' * 86}=="
GOOD_SERVE = f'{SERVE} = {{ enable = true; origin = "https://cache.example.org"; size = "500G"; }};'
GOOD_PULL = f'{PULL} = {{ enable = true; caches = [ "http://rack-1:8080" ]; }};'


def serve(**options: str) -> str:
    """Return settings of `fleet.serve`, some of them wrong."""
    given = {"origin": "https://cache.example.org", "size": "500G", **options}
    values = "".join(f'{key} = "{value}";' for key, value in given.items())
    return f"{SERVE} = {{ enable = true; {values} }};"


def pull(cache: str = "http://rack-1:8080", key: str = PUBLIC, more: str = "") -> str:
    """Return settings of `fleet.pull`, some of them wrong."""
    return (
        f'{PULL} = {{ enable = true; caches = [ "{cache}" ]; publicKeys = [ "{key}" ]; {more} }};'
    )


ORIGIN = "….origin = … is not the URL of a binary cache: write one like https://cache.example.org, without user, password or query; for a bucket, its https URL"
ADDRESS = "….origin = … has an address for a name, for which nginx verifies no certificate: write the name that is in the certificate, such as https://cache.example.org"
SIZE = '….… = … is not a size: write a number with K, M or G, such as "500G"'
DIRECTORY = "….directory = … cannot be the directory of the cache: write an absolute path of letters, digits, . _ + and -, without `..`, outside of the Nix store"
HOME = '….directory = … is a directory of users, which nginx cannot open on NixOS: write one such as "/srv/ai-models-cache"'
SLICES = "… needs an nginx with the slice module, and `services.nginx.package` has none: write `services.nginx.package = pkgs.nginxStable.override { withSlice = true; };`"
NO_NIX = "… is for the Nix of NixOS, and `nix.enable = false`: remove it, and write the same into the nix.conf of the Nix that builds"
NO_CACHE = '….caches is empty: write the URL of a binary cache, such as "http://rack-1:8080"'
NO_EFFECT = (
    "… has no effect with `substitute = false` and `builds = false`: set one of them to true"
)
CACHE = (
    "….caches contains …, which is not the URL of a binary cache: write one like http://rack-1:8080"
)
PASSWORD = '….caches contains a URL with a user or a password, which everybody could read in the Nix store: remove it, and write it into a file like /etc/nix/netrc, and `nix.settings.netrc-file = "/etc/nix/netrc";`'
SECRET_KEY = "….publicKeys contains the secret key of …, which everybody can read in the Nix store now: make a new pair with `nix-store --generate-binary-cache-key`, and write its public key"
KEY = '….publicKeys contains …, which is not a public key: write the content of the file that `nix-store --generate-binary-cache-key` made, such as "cache.example.org-1:…="'
ATTEMPTS = "….attempts = … delays builds for … minutes if a cache does not answer, because Nix waits twice as long before each further attempt: set … or less"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        cure(ORIGIN, serve(origin="s3://models"), serve(origin="https://models.s3.eu-central-1.amazonaws.com")),
        cure(ORIGIN, serve(origin="cache.example.org"), serve(origin="https://cache.example.org/")),
        cure(ORIGIN, serve(origin="https://user:secret@cache.example.org"), serve(origin="https://cache.example.org:8443/a/b")),
        cure(ORIGIN, serve(origin="https://cache.example.org?priority=1"), serve(origin="http://[::1]:5000")),
        cure(ORIGIN, serve(origin="https://cache.example.org; }"), serve()),
        cure(ADDRESS, serve(origin="https://10.0.0.1:8443"), serve(origin="https://1.example.org")),
        cure(ADDRESS, serve(origin="https://[fd00::1]/x"), serve(origin="http://[fd00::1]/x")),
        cure(SIZE, serve(size="1T"), serve(size="1000G")),
        cure(SIZE, serve(size="0"), serve(size="1m")),
        cure(SIZE, serve(keepFree="4 GB"), serve(keepFree="4g")),
        cure(SIZE, serve(sliceSize="8M; }"), serve(sliceSize="16M")),
        cure(DIRECTORY, serve(directory="cache"), serve(directory="/srv/cache")),
        cure(DIRECTORY, serve(directory="/srv/../x"), serve(directory="/srv/x")),
        cure(DIRECTORY, serve(directory="/srv/a b"), serve(directory="/srv//a-b/")),
        cure(DIRECTORY, serve(directory="${builtins.storeDir}/x"), serve(directory="/var/cache/nginx/x")),
        cure(HOME, serve(directory="/home/alice/cache"), serve(directory="/srv/ai-models-cache")),
        cure(SLICES, f"pkgs: {GOOD_SERVE} services.nginx.package = pkgs.nginxStable;", f"pkgs: {GOOD_SERVE} $0"),
        cure(NO_NIX, f"{GOOD_PULL} nix.enable = false;", "nix.enable = false;"),
        cure(NO_CACHE, f"{PULL}.enable = true;", GOOD_PULL),
        cure(NO_EFFECT, pull(more="substitute = false; builds = false;"), pull(more="substitute = false;")),
        cure(CACHE, pull("rack-1:8080"), pull("http://rack-1:8080")),
        cure(CACHE, pull("http://rack-1 http://rack-2"), pull("s3://models?region=eu-central-1")),
        cure(PASSWORD, pull("https://user:secret@cache.example.org"), f'{pull("https://cache.example.org")} nix.settings.netrc-file = "/etc/nix/netrc";'),
        cure(SECRET_KEY, pull(key=SECRET), pull()),
        cure(KEY, pull(key=PUBLIC[20:]), pull(key=PUBLIC)),
        cure(KEY, pull(key="/etc/public.key"), pull(key=f"{PUBLIC}\\n")),
        cure(ATTEMPTS, pull(more="attempts = 20;"), pull(more="attempts = 10;")),
    ],
)  # fmt: skip
def test_what_is_refused(store: NixEnv, remedy: Remedy, wrong: str, right: str) -> None:
    """$0 in what is right stands for what the message writes in backquotes last."""

    def said(settings: str) -> list[str]:
        config = nixos(f"{{ pkgs, ... }}: {{ {settings.removeprefix('pkgs: ')} }}")
        warnings: list[str] = store.eval(f"{config}.warnings")
        return problems(store, config) + warnings

    found = said(wrong)
    assert len(found) == 1
    assert "secret@" not in found[0]
    assert "AAAA" not in found[0]
    remedy(found[0])
    assert said(right.replace("$0", remedy.commands[-1] if remedy.commands else "")) == []


def test_what_nix_is_told(store: NixEnv) -> None:
    """Builds ask the caches that they can read, without what follows `?`."""
    caches = '[ "http://rack-1:8080?priority=10" "s3://models" "https://cache.example.org" ]'
    module = f'{PULL} = {{ enable = true; caches = {caches}; publicKeys = [ "{PUBLIC}" ]; }};'
    config = nixos(f"{{ {module} }}")
    assert store.eval(f"{config}.nix.settings") == {
        "connect-timeout": 5,
        "download-attempts": 8,
        "fallback": True,
        "narinfo-cache-negative-ttl": 60,
        "substituters": [
            "http://rack-1:8080?priority=10",
            "s3://models",
            "https://cache.example.org",
        ],
        "trusted-public-keys": [PUBLIC],
    }
    mine = nixos(f"{{ {module} nix.settings.connect-timeout = 2; }}")
    assert store.eval(f"{mine}.nix.settings.connect-timeout") == 2
    daemon = "systemd.services.nix-daemon.environment.AIMODELS_CACHES"
    asked = "http://rack-1:8080 https://cache.example.org"
    assert store.eval(f"{config}.{daemon}") == asked
    off = nixos(f"{{ {module} {PULL}.builds = false; }}")
    assert store.eval(f"{off}.systemd.services ? nix-daemon") is False
    only = nixos(f"{{ {module} {PULL}.substitute = false; }}")
    assert store.eval(f"{only}.nix.settings ? substituters") is False
    assert store.eval(f"{only}.{daemon}") == asked


def test_what_else_a_server_needs(store: NixEnv) -> None:
    """A directory of its own, the firewall, and the network if nginx asks for addresses once."""
    more = 'directory = "/srv/cache"; openFirewall = true; port = 8081;'
    plain = nixos(f"{{ {GOOD_SERVE} }}")
    given = nixos(f"{{ {GOOD_SERVE} {SERVE} = {{ {more} }}; services.resolved.enable = true; }}")
    made = """config: {
      inherit (config.networking.firewall) allowedTCPPorts;
      inherit (config.systemd.tmpfiles) rules;
      inherit (config.systemd.services.nginx) after serviceConfig unitConfig;
    }"""
    assert store.eval(f"({made}) {plain}") == {
        "after": ["network-online.target"],
        "allowedTCPPorts": [],
        "rules": [],
        "serviceConfig": {"LimitNOFILE": 65536},
        "unitConfig": {},
    }
    assert store.eval(f"({made}) {given}") == {
        "after": [],
        "allowedTCPPorts": [8081],
        "rules": ['d "/srv/cache" 0750 nginx nginx - -'],
        "serviceConfig": {"LimitNOFILE": 65536, "ReadWritePaths": ["/srv/cache"]},
        "unitConfig": {"RequiresMountsFor": '"/srv/cache"'},
    }
    http = store.eval(f"{given}.services.nginx.file")
    assert "resolver 127.0.0.53;" in http
    assert "listen [::]:8081;" in http


def test_name_servers_of_the_machine(store: NixEnv) -> None:
    more = 'networking = { nameservers = [ "10.0.0.53" "fd00::53#dns.example.org" ]; enableIPv6 = false; };'
    http = store.eval(f"{nixos(f'{{ {GOOD_SERVE} {more} }}')}.services.nginx.file")
    assert "resolver 10.0.0.53 [fd00::53] ipv6=off;" in http
    assert "[::]" not in http
