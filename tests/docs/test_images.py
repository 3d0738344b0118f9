"""docs/images.md: its images in a real registry, and what pods and containers find in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from docs.session import blocks
from support import tinyllama
from support.oci import Oci, OciRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from docs.session import Session

PAGE = "docs/images.md"
HOST = "registry.example.org"
COMMAND = "cat $HF_HOME/hub/*/snapshots/*/config.json"


def snippets(name: str) -> list[str]:
    return [block.text for block in blocks(PAGE) if (block.kind, block.name) == ("image", name)]


def root_of(oci: Oci, registry: OciRegistry, reference: str, directory: Path) -> Path:
    """Pull an image, and return its root file system."""
    path = reference.removeprefix(f"{HOST}/")
    layout, bundle = directory / "layout", directory / path.replace("/", "-")
    insecure = ("--insecure-policy", "copy", "--src-tls-verify=false")
    oci.run("skopeo", *insecure, f"docker://{registry.url}/{path}", f"oci:{layout}:{bundle.name}")
    oci.run("umoci", "unpack", "--image", f"{layout}:{bundle.name}", bundle)
    return bundle / "rootfs"


def check_pod(pod: Any, oci: Oci, registry: OciRegistry, directory: Path) -> None:
    """Look for the models where the program of a pod would."""
    (container,) = pod["spec"]["containers"]
    (volume,) = pod["spec"]["volumes"]
    (mount,) = container["volumeMounts"]
    assert mount.keys() == {"name", "mountPath"}
    assert mount["name"] == volume["name"]
    env = {row["name"]: row["value"] for row in container["env"]}
    assert env["HF_HUB_OFFLINE"] == "1"
    place = env["HF_HOME"].removeprefix(mount["mountPath"])
    assert place != env["HF_HOME"]
    root = root_of(oci, registry, volume["image"]["reference"], directory)
    (config,) = (root / place.lstrip("/")).glob("hub/*/snapshots/*/config.json")
    assert config.read_bytes() == tinyllama.files()["config.json"]


def test_the_images_of_the_page(session: Session, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "registry").mkdir()
    oci = Oci(tmp_path / "bin")
    session.run("aimodels-gen", "lock")
    for block in blocks(PAGE):
        if block.kind == "file":
            (session.directory / "flake.nix").write_text(block.text)
    # What skopeo and podman remember is not kept in the root that all tests share.
    *entry, end = os.environ["NIX_ENTRY"].splitlines()
    os.environ["NIX_ENTRY"] = "\n".join([*entry, *oci.places, end])
    with OciRegistry(oci, tmp_path / "registry") as registry:
        settings = session.home / ".config/containers/registries.conf"
        settings.parent.mkdir(parents=True)
        settings.write_text(f'[[registry]]\nlocation = "{registry.url}"\ninsecure = true\n')
        for text in snippets("push"):
            said = session.run("bash", "-euc", text.replace(HOST, registry.url))
            assert ": sent " in said
        (pod,) = map(yaml.safe_load, snippets("pod"))
        check_pod(pod, oci, registry, tmp_path)
        (service,) = map(yaml.safe_load, snippets("kserve"))
        uri = service["spec"]["predictor"]["model"]["storageUri"]
        root = root_of(oci, registry, uri.removeprefix("oci+native://"), tmp_path)
        for path, content in tinyllama.files().items():
            assert (root / "models" / path).read_bytes() == content
        check_podman(session, oci, registry)


def check_podman(session: Session, oci: Oci, registry: OciRegistry) -> None:
    """Run the command of the page with the root of the tests for `myapp`."""
    (podman,), (docker,) = snippets("podman"), snippets("docker")
    assert podman == docker.replace("docker ", "podman ")
    here = "--cgroup-manager=cgroupfs --events-backend=file"
    limits = "--network=none --cgroups=disabled --ulimit=host"
    text = podman.replace(HOST, registry.url).replace(
        " myapp", f" {limits} --rootfs /:O sh -c '{COMMAND}'"
    )
    text = text.replace("podman ", f"podman {here} ")
    mount = "mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null || true\n"
    done = session.attempt(*oci.inside("bash", "-euc", mount + text))
    if "OCI runtime error" in done.stderr and not done.stdout.endswith("}"):
        pytest.skip(f"podman runs no containers here: {done.stderr.strip()}")
    assert done.stdout.endswith(tinyllama.files()["config.json"].decode()), done.stderr
