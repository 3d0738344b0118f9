"""The commands of an image, with a real registry, and what they say where something is wrong."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from aimodels_images.errors import ImageError
from images.conftest import COMMIT, program, run, shell
from support.nginx import Nginx, public_directory
from support.oci import OciRegistry
from support.remedies import cures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from images.conftest import Store
    from support.oci import Oci
    from support.remedies import Remedy

LARGE = 1 << 20
PLAIN = "--dest-tls-verify=false"
AGAIN = "run the command again: layers that are there are not sent again"
REPAIR = "have Nix fetch or build it again: run `nix-store --repair-path …`"
# The password is `secret`.
HTPASSWD = "pusher:$2b$05$mT0F24VRHp9pz/ewPzFNG.ulSOqntVWJ4Sxl7LONWd.N8qrxAZAgq"
# Fails while there is a file `broken`.
BREAKABLE = """
location / {
  client_max_body_size 0;
  if (-f $document_root/broken) { return 500; }
  proxy_pass http://UPSTREAM;
  proxy_set_header Host $http_host;
}
"""


def files(count: int = 3) -> dict[str, bytes]:
    return {
        **{f"{number}.bin": bytes([number]) * LARGE for number in range(count)},
        "config.json": b"{}",
    }


@pytest.fixture
def image(store: Store) -> Path:
    return store.image(store.entry(files()))


@pytest.fixture(scope="module")
def registry(oci: Oci, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OciRegistry]:
    with OciRegistry(oci, tmp_path_factory.mktemp("registry")) as server:
        yield server


@contextmanager
def serving(image: Path, *arguments: str) -> Iterator[str]:
    """Run `serve`; the reference that it prints is its address and name."""
    with subprocess.Popen(
        [*program(image), "serve", *arguments], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().rstrip()
        finally:
            server.terminate()


def test_the_registry(store: Store) -> None:
    entry = store.entry(files())
    image = store.image(entry, name="registry.example.org:5000/team/models", tag="v1")
    with serving(image) as reference:
        host, _, rest = reference.partition("/")
        assert rest == "team/models:v1"
        base = f"http://{host}/v2/team/models"
        assert requests.get(f"http://{host}/v2/", timeout=9).json() == {}
        tags = requests.get(f"{base}/tags/list", timeout=9).json()
        assert tags == {"name": "team/models", "tags": ["v1"]}
        answer = requests.get(f"{base}/manifests/v1", timeout=9)
        digest = answer.headers["Docker-Content-Digest"]
        assert answer.content == requests.get(f"{base}/manifests/{digest}", timeout=9).content
        assert answer.headers["Content-Type"] == answer.json()["mediaType"]
        layer = answer.json()["layers"][0]
        url = f"{base}/blobs/{layer['digest']}"
        whole = requests.get(url, timeout=9).content
        head = requests.head(url, timeout=9)
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(whole)))
        for wanted, (start, end) in {
            "0-0": (0, 1),
            "500-1500": (500, 1501),
            "2000-": (2000, len(whole)),
            "-100": (len(whole) - 100, len(whole)),
            "1000-99999999": (1000, len(whole)),
        }.items():
            part = requests.get(url, headers={"Range": f"bytes={wanted}"}, timeout=9)
            assert (part.status_code, part.content) == (206, whole[start:end])
            assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(whole)}"
        beyond = requests.get(url, headers={"Range": f"bytes={len(whole)}-"}, timeout=9)
        assert beyond.status_code == 416
        for path in ("other/manifests/v1", "team/models/manifests/v2", "team/models/blobs/x"):
            missing = requests.get(f"http://{host}/v2/{path}", timeout=9)
            assert (missing.status_code, len(missing.json()["errors"])) == (404, 1)
        assert requests.put(f"{base}/manifests/v1", data=b"{}", timeout=9).status_code == 405


def test_copies_of_an_image(image: Path, oci: Oci, registry: OciRegistry, tmp_path: Path) -> None:
    """Layers are as they were made, unless a compression is asked for."""
    oci_layout = tmp_path / "layout"
    done = run(image, "copy", f"oci:{oci_layout}:v1", env=oci.environment())
    assert done.returncode == 0, done.stderr
    digest = done.stdout.partition(": ")[0]
    index = json.loads((oci_layout / "index.json").read_bytes())
    assert index["manifests"][0]["digest"] == digest
    archive = tmp_path / "archive.tar"
    assert shell(f"IMAGE stream > {archive}", image).returncode == 0
    for source in (f"oci-archive:{archive}", f"docker-archive:{archive}"):
        oci.run("skopeo", "--insecure-policy", "copy", source, f"dir:{tmp_path / source[:3]}")
    assert (tmp_path / "oci/manifest.json").read_bytes() == (image / "manifest.json").read_bytes()
    assert (
        shell("IMAGE stream | sha256sum", image).stdout
        == shell(f"cat {archive} | sha256sum", image).stdout
    )
    to = f"docker://{registry.url}/compressed:v1"
    arguments = (PLAIN, "--dest-compress-format=zstd")
    assert run(image, "copy", to, *arguments, env=oci.environment()).returncode == 0
    manifest = oci.run("skopeo", "inspect", "--raw", "--tls-verify=false", to).stdout
    assert "tar+zstd" in manifest


def test_an_archive_that_is_cut_off_is_not_one(store: Store) -> None:
    image = store.image(store.entry(files(count=9)))
    done = shell("set -o pipefail; IMAGE stream | head -c 3000000 | wc -c", image)
    assert done.returncode == 1
    assert "error: the program that reads the archive has ended early" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_usage(image: Path) -> None:
    said = run(image, "--help")
    assert (said.returncode, said.stderr) == (0, "")
    assert "docker://registry.example.org/models:latest" in said.stdout
    for wrong in ((), ("push",), ("copy",), ("copy", "--all"), ("serve", "80"), ("stream", "x")):
        done = run(image, *wrong)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", said.stdout)


def test_two_copies_at_once(image: Path, oci: Oci, registry: OciRegistry) -> None:
    to = f"docker://{registry.url}/twice:v1"
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(run, image, "copy", to, PLAIN, env=oci.environment()) for _ in "ab"]
    assert [each.result().returncode for each in runs] == [0, 0], runs[0].result().stderr
    stored = registry.blobs()
    for layer in json.loads((image / "manifest.json").read_bytes())["layers"]:
        assert stored[layer["digest"]] == layer["size"]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_copy_that_was_ended_can_be_run_again(
    store: Store, oci: Oci, registry: OciRegistry, end: signal.Signals
) -> None:
    image = store.image(store.entry({**files(9), "own": end.name.encode() * LARGE}))
    command = (*program(image), "copy", f"docker://{registry.url}/{end.name.lower()}:v1", PLAIN)
    with subprocess.Popen(
        command,
        env=oci.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as copying:
        assert copying.stderr is not None
        copying.stderr.readline()  # skopeo has begun
        copying.send_signal(end)
        said = copying.stderr.read()
    assert "Traceback" not in said
    assert copying.returncode == {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}[end.name]
    done = oci.run(*command)
    manifest = json.loads((image / "manifest.json").read_bytes())
    assert {layer["digest"] for layer in manifest["layers"]} <= registry.blobs().keys()
    assert done.stdout.startswith("sha256:")


@cures(AGAIN)
def test_a_registry_that_fails_for_a_while(
    image: Path, oci: Oci, registry: OciRegistry, tmp_path: Path, remedy: Remedy
) -> None:
    with public_directory() as root:
        more = BREAKABLE.replace("UPSTREAM", registry.url)
        (root / "broken").touch()
        with Nginx(root, tmp_path, more, "root root") as proxy:
            to = f"docker://{proxy.url.removeprefix('http://')}/later:v1"
            failed = run(image, "copy", to, PLAIN, env=oci.environment())
            assert failed.returncode == 1
            remedy(failed.stderr)
            (root / "broken").unlink()
            assert run(image, "copy", to, PLAIN, env=oci.environment()).returncode == 0


@cures(
    "raise the limit for uploads of the registry, or of the proxy before it: in nginx, "
    "set `client_max_body_size 0;`"
)
def test_a_proxy_that_refuses_large_layers(
    image: Path, oci: Oci, registry: OciRegistry, tmp_path: Path, remedy: Remedy
) -> None:
    right = BREAKABLE.replace("UPSTREAM", registry.url)
    for more, status in ((right.replace("size 0", "size 1m"), 1), (right, 0)):
        with public_directory() as root, Nginx(root, tmp_path, more, "root root") as proxy:
            to = f"docker://{proxy.url.removeprefix('http://')}/limited:v1"
            done = run(image, "copy", to, PLAIN, env=oci.environment())
        assert done.returncode == status, done.stderr
        if status:
            remedy(done.stderr)
            (line,) = remedy.commands
            assert line in right


@cures("run `skopeo login …` as a user who may push there, and then this command again")
def test_a_registry_that_wants_a_password(
    image: Path, oci: Oci, tmp_path: Path, remedy: Remedy
) -> None:
    (tmp_path / "htpasswd").write_text(f"{HTPASSWD}\n")
    more = f"auth: {{htpasswd: {{realm: tests, path: {tmp_path}/htpasswd}}}}"
    with OciRegistry(oci, tmp_path, more) as registry:
        to = f"docker://{registry.url}/private:v1"
        failed = run(image, "copy", to, PLAIN, env=oci.environment())
        assert failed.returncode == 1
        remedy(failed.stderr)
        (login,) = remedy.commands
        oci.run(*login.split(), "--tls-verify=false", "--username=pusher", "--password=secret")
        done = run(image, "copy", to, PLAIN, env=oci.environment())
        oci.run("skopeo", "logout", registry.url)
    assert done.returncode == 0, done.stderr


@cures("add `--dest-tls-verify=false`, if the registry has no TLS")
def test_a_registry_without_tls(
    image: Path, oci: Oci, registry: OciRegistry, remedy: Remedy
) -> None:
    command = ("copy", f"docker://{registry.url}/plain:v1")
    failed = run(image, *command, env=oci.environment())
    assert failed.returncode == 1
    remedy(failed.stderr)
    assert run(image, *command, *remedy.commands, env=oci.environment()).returncode == 0


@cures("run `nix shell nixpkgs#skopeo`, and then this command again")
def test_without_skopeo(image: Path, oci: Oci, tmp_path: Path, remedy: Remedy) -> None:
    failed = run(image, "copy", f"oci:{tmp_path}/layout:v1", env={"PATH": "/nonexistent"})
    assert failed.returncode == 1
    remedy(failed.stderr)
    (command,) = remedy.commands
    assert command == "nix shell nixpkgs#skopeo"
    done = run(image, "copy", f"oci:{tmp_path}/layout:v1", env=oci.environment())
    assert done.returncode == 0


@cures("write `docker://…` for a registry, or another one that skopeo takes")
@pytest.mark.parametrize("destination", ["HOST/m:v1", "HOST/team/m", "models", "http://HOST/m:v1"])
def test_a_destination_without_a_kind(
    image: Path, oci: Oci, registry: OciRegistry, remedy: Remedy, destination: str
) -> None:
    given = destination.replace("HOST", registry.url)
    failed = run(image, "copy", given, env=oci.environment())
    assert failed.returncode == 1
    remedy(failed.stderr)
    (shown,) = remedy.commands
    to = shown.replace("registry.example.org", registry.url)
    assert run(image, "copy", to, PLAIN, env=oci.environment()).returncode == 0


def test_passwords_in_destinations_are_not_shown(image: Path, oci: Oci) -> None:
    for destination in (
        *("docker://me:hunter2@127.0.0.1:9/m:v1", "https://me:hunter2@127.0.0.1:9/m:v1"),
        "me:hunter2@127.0.0.1:9/m:v1",
    ):
        failed = run(image, "copy", destination, env=oci.environment())
        assert failed.returncode == 1
        assert "hunter2" not in failed.stderr
        assert "`skopeo login 127.0.0.1:9`" in failed.stderr


def _damaged(store: Store) -> tuple[Path, Path]:
    """Return an image, and a file of it that is no longer what it was."""
    image = store.image(store.entry(files()))
    (path,) = store.directory.glob("*-1.bin")
    return image, path


@cures(REPAIR)
@pytest.mark.parametrize("layout", ["huggingface", "files"])
def test_damage_where_files_share_a_layer(store: Store, remedy: Remedy, layout: str) -> None:
    entry = store.entry(files())
    spec = [{"name": "models--o--m", "path": str(entry)}]
    if layout == "files":
        spec[0]["path"] = str(entry / f"snapshots/{COMMIT}")
    image = store.image(layout=layout, models=spec, maxLayers=3)
    for name in ("2.bin", "config.json"):
        (path,) = store.directory.glob(f"*-{name}")
        content = path.read_bytes()
        path.write_bytes(content[:-1] + b"x")
        (found,) = remedy(shell("IMAGE stream > /dev/null", image).stderr)
        assert found == str(path)
        path.write_bytes(content)
    assert shell("IMAGE stream > /dev/null", image).returncode == 0


@cures(REPAIR)
@pytest.mark.parametrize("damage", ["another content", "shorter", "gone"])
def test_a_damaged_store(
    store: Store, oci: Oci, tmp_path: Path, remedy: Remedy, damage: str
) -> None:
    image, path = _damaged(store)
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-1] + (b"x" if damage == "another content" else b""))
    archived = shell("IMAGE stream > /dev/null", image)
    to = f"oci:{tmp_path}/layout:v1"
    copied = run(image, "copy", to, env=oci.environment())
    assert (archived.returncode, copied.returncode) == (1, 1)
    assert remedy(archived.stderr) == (str(path),)
    assert str(path) in archived.stderr.splitlines()[0]
    assert remedy(copied.stderr) == (str(path),)
    assert copied.stderr.count("hint: ") == 1
    with serving(image) as reference:
        host, name = reference.removesuffix(":latest").split("/")
        manifest = json.loads((image / "manifest.json").read_bytes())
        for layer in manifest["layers"]:
            digest = hashlib.sha256()
            with contextlib.suppress(requests.RequestException):
                digest.update(
                    requests.get(
                        f"http://{host}/v2/{name}/blobs/{layer['digest']}", timeout=9
                    ).content
                )
            intact = layer != manifest["layers"][1]
            assert (f"sha256:{digest.hexdigest()}" == layer["digest"]) == intact
    # What `nix-store --repair-path` does.
    path.write_bytes(content)
    assert run(image, "copy", to, env=oci.environment()).returncode == 0


@cures("pipe it into another program, as in `… stream | docker load`")
def test_no_archive_is_written_to_a_terminal(image: Path, tmp_path: Path, remedy: Remedy) -> None:
    command = shlex.join([*program(image), "stream"])
    done = subprocess.run(
        ["script", "--quiet", "--return", "--command", command, "/dev/null"],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    remedy(done.stdout.replace("\r", ""))
    assert shell(f"IMAGE stream | tar --list > {tmp_path}/list", image).returncode == 0


@cures("free some space, or use `copy`, which writes no archive")
def test_a_full_disk(image: Path, oci: Oci, tmp_path: Path, remedy: Remedy) -> None:
    done = shell("IMAGE stream > /dev/full", image)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    remedy(done.stderr)
    assert run(image, "copy", f"dir:{tmp_path}/dir", env=oci.environment()).returncode == 0


@cures("write one such as `--listen 0.0.0.0:5000`")
@pytest.mark.parametrize("address", ["5000", "[::1]:5000", "host.example:80", "127.0.0.1"])
def test_a_wrong_address(image: Path, remedy: Remedy, address: str) -> None:
    failed = run(image, "serve", "--listen", address)
    assert failed.returncode == 1
    remedy(failed.stderr)
    (shown,) = remedy.commands
    with serving(image, *shown.replace("5000", "0").split()) as reference:
        assert reference.startswith("0.0.0.0:")


@cures("use another port, or port 0 for any that is free")
@pytest.mark.parametrize("port", [None, 99999])
def test_a_port_that_cannot_be_had(image: Path, remedy: Remedy, port: int | None) -> None:
    with serving(image) as reference:
        address = reference.partition("/")[0] if port is None else f"127.0.0.1:{port}"
        failed = run(image, "serve", "--listen", address)
        assert failed.returncode == 1
        remedy(failed.stderr)
        with serving(image, "--listen", "127.0.0.1:0") as other:
            assert other != reference


@cures("leave it out of the model: add it to `exclude`, and lock again")
def test_a_model_with_a_name_that_removes_files(store: Store, remedy: Remedy) -> None:
    with pytest.raises(ImageError) as caught:
        store.image(store.entry({**files(1), ".wh.x": b""}))
    remedy(str(caught.value.hint))
    assert store.image(store.entry(files(1)))


@cures("use programs that need nothing else, such as `programs = pkgs.pkgsStatic.busybox`")
def test_programs_that_need_others(store: Store, remedy: Remedy) -> None:
    package = store.directory / f"{'c' * 32}-package"
    (package / "bin").mkdir(parents=True)
    (package / "bin/sh").symlink_to("/nix/store/other/bin/sh")
    entry = store.entry(files(1))
    with pytest.raises(ImageError) as caught:
        store.image(entry, programs=str(package))
    remedy(str(caught.value.hint))
    (package / "bin/sh").unlink()
    (package / "bin/sh").write_bytes(b"static")
    assert store.image(entry, programs=str(package))
