"""What profiles and variables of AWS say: credentials, the server, the region."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.sources.s3 import credentials
from generator.sources.buckets import hashes, write
from support.recording_proxy import RecordingProxy
from support.s3 import ENV, KEY, SECRET
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.project import Project
    from support.s3 import Moto

_KEYS = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def configure(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write ~/.aws/config, and set variables; the others are not set."""

    def write_files(config: str, **variables: str) -> None:
        directory = home / ".aws"
        directory.mkdir(exist_ok=True)
        (directory / "config").write_text(config)
        for name in _VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return write_files


@pytest.fixture
def locked(project: Project, bucket: str) -> Callable[[], str | None]:
    """Lock a model, and return the endpoint that the lock has."""

    def lock() -> str | None:
        write(project, bucket)
        project.ok("lock")
        assert hashes(project) == {"a.bin": sri(b"content")}
        endpoint: str | None = project.lock["m"]["source"]["s3"].get("endpoint")
        return endpoint

    return lock


_PROFILES = [
    ("[default]\nendpoint_url = {url}/\n", {}),
    ("[profile work]\nendpoint_url = {url}\n", {"AWS_PROFILE": "work"}),
    (
        (
            "[default]\nservices = ours\nendpoint_url = http://127.0.0.1:9\n"
            "[services ours]\ns3 =\n  endpoint_url = {url}\n"
        ),
        {},
    ),
    ("[default]\nendpoint_url = http://127.0.0.1:9\n", {"AWS_ENDPOINT_URL_S3": "{url}"}),
    ("", {"AWS_ENDPOINT_URL": "{url}"}),
]


@pytest.mark.parametrize(("config", "variables"), _PROFILES)
def test_the_server_that_was_asked_is_locked(  # noqa: PLR0913, PLR0917 (fixtures)
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    configure: Callable[..., None],
    locked: Callable[[], str | None],
    config: str,
    variables: dict[str, str],
) -> None:
    """Builds know neither the user's profiles nor the variables of the shell."""
    moto.put(bucket, {"a.bin": b"content"})
    given = {name: value.format(url=recording_proxy.url) for name, value in variables.items()}
    configure(config.format(url=recording_proxy.url), **{**ENV, **given})
    assert locked() == recording_proxy.url
    assert f'endpoint = "{recording_proxy.url}";' in project.ok("render")


def test_a_profile_that_goes_away(  # noqa: PLR0913, PLR0917 (fixtures)
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    configure: Callable[..., None],
    locked: Callable[[], str | None],
) -> None:
    """The lock says where the bucket is: no pin moves, and an update asks the same server."""
    moto.put(bucket, {"a.bin": b"content"}, checksum=None)
    configure(f"[default]\nendpoint_url = {recording_proxy.url}\n", **ENV)
    locked()
    before = project.lock_file.read_bytes()
    configure("", **ENV)
    recording_proxy.clear()
    project.ok("lock")
    assert not recording_proxy.log
    said = project.run("lock", "-U").err
    assert f"asking {recording_proxy.url}, as models.lock says" in said
    assert "= 1 unchanged" in said
    assert len(recording_proxy.log) == 1, "nothing is read again"
    assert project.lock_file.read_bytes() == before


def test_another_server_of_a_profile(  # noqa: PLR0913, PLR0917 (fixtures)
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    configure: Callable[..., None],
    locked: Callable[[], str | None],
) -> None:
    """An update follows it; what the manifest says comes before everything else."""
    moto.put(bucket, {"a.bin": b"content"})
    configure(f"[default]\nendpoint_url = {recording_proxy.url}\n", **ENV)
    locked()
    with RecordingProxy(moto.url) as other:
        configure(f"[default]\nendpoint_url = {other.url}\n", **ENV)
        assert locked() == recording_proxy.url, "it is not asked"
        project.ok("lock", "-U")
        assert project.lock["m"]["source"]["s3"]["endpoint"] == other.url
        write(project, bucket, f', endpoint = "{recording_proxy.url}"')
        project.ok("lock")
        assert project.lock["m"]["source"]["s3"]["endpoint"] == recording_proxy.url
        assert hashes(project) == {"a.bin": sri(b"content")}


def test_a_lock_of_before(  # noqa: PLR0913, PLR0917 (fixtures)
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    configure: Callable[..., None],
    locked: Callable[[], str | None],
) -> None:
    """It has no endpoint: its pins hold, and an update adds it."""
    moto.put(bucket, {"a.bin": b"content"})
    configure(f"[default]\nendpoint_url = {recording_proxy.url}\n", **ENV)
    locked()
    lock = json.loads(project.lock_file.read_text())
    del lock["models"]["m"]["source"]["s3"]["endpoint"]
    del lock["models"]["m"]["integrity"]
    project.lock_file.write_text(json.dumps(lock))
    recording_proxy.clear()
    assert locked() is None
    assert not recording_proxy.log
    project.ok("lock", "-U")
    assert project.lock["m"]["source"]["s3"]["endpoint"] == recording_proxy.url


@pytest.mark.parametrize(
    ("config", "variables", "said"),
    [
        ("[default]\nendpoint_url = http://me:hunter2@127.0.0.1:9\n", {}, "endpoint_url of"),
        ("", {"AWS_ENDPOINT_URL": "http://me:hunter2@127.0.0.1:9"}, "AWS_ENDPOINT_URL is not"),
        ("", {"AWS_ENDPOINT_URL_S3": "http://me:hunter2/x@h:1"}, "AWS_ENDPOINT_URL_S3 is not"),
        ("[default]\nservices = none\n", {}, "services section 'none', which does not exist"),
    ],
)
def test_servers_that_cannot_be_locked(
    project: Project,
    configure: Callable[..., None],
    config: str,
    variables: dict[str, str],
    said: str,
) -> None:
    configure(config, **ENV, **variables)
    write(project, "my-models")
    err = project.fails("lock")
    assert said in err
    assert "hunter2" not in err
    assert not project.lock_file.exists()


def test_configured_servers_can_be_ignored(
    bucket: str, project: Project, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then Amazon is asked: here, a proxy that does not answer."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    configure(
        "[default]\nendpoint_url = http://127.0.0.1:9\n",
        **ENV,
        AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true",
    )
    write(project, bucket)
    assert "cannot reach the server of" in project.fails("lock")


def _program(code: str) -> str:
    return f"credential_process = {sys.executable} -c '{code}'\n"


@pytest.mark.parametrize(
    ("config", "variables", "said"),
    [
        ("credential_process = /missing/program\n", {}, "/missing/program"),
        ("credential_process = /etc\n", {}, "Permission denied (/etc)"),
        (_program('import sys; sys.exit("log in first")'), {}, "log in first"),
        (_program("print(1)"), {}, "credentials for S3 cannot be used"),
        (_program("print([])"), {}, "credentials for S3 cannot be used"),
        (_program("pass"), {}, "credentials for S3 cannot be used"),
        (_program('import os; os.write(1, b"\\377")'), {}, "credentials for S3 cannot be used"),
        (_program('print("{\\"Version\\": 1}")'), {}, "AccessKeyId"),
        (
            _program(
                'print("{\\"Version\\": 1, \\"AccessKeyId\\": 7, \\"SecretAccessKey\\": null}")'
            ),
            {},
            "is not a key",
        ),
        ("sso_session = ours\nsso_account_id = 1\nsso_role_name = r\n", {}, "sso"),
        (
            (
                "sso_start_url = https://127.0.0.1:9/\nsso_region = us-east-1\n"
                "sso_account_id = 1\nsso_role_name = r\n"
            ),
            {},
            "aws sso login",
        ),
        ("aws_access_key_id = a\n", {}, "aws_secret_access_key"),
        ("role_arn = arn\nsource_profile = nobody\n", {}, "nobody"),
        ("role_arn = arn\nsource_profile = default\n", {}, "credentials for S3 cannot be used"),
        (_KEYS, {"AWS_PROFILE": "nobody"}, "AWS_PROFILE='nobody' names a profile that does not"),
        (_KEYS, {"AWS_DEFAULT_PROFILE": "no"}, "AWS_DEFAULT_PROFILE='no' names a profile"),
        ("[[[\n", {}, "config"),
        ("", {"AWS_CONFIG_FILE": "/etc"}, "/etc cannot be read: Is a directory"),
        ("", {"AWS_SHARED_CREDENTIALS_FILE": "/etc"}, "/etc cannot be read: Is a directory"),
        ("", {"AWS_METADATA_SERVICE_TIMEOUT": "abc"}, "AWS_METADATA_SERVICE_TIMEOUT='abc'"),
        ("", {"AWS_REGION": "eu west 1", **ENV}, "AWS_REGION='eu west 1' is not a region"),
        ("region = eu west\n", ENV, "region = 'eu west' of the default profile"),
        ("", {**ENV, "AWS_ACCESS_KEY_ID": "hunter2\n"}, "AWS_ACCESS_KEY_ID"),
        ("", {**ENV, "AWS_SESSION_TOKEN": "hünter2"}, "AWS_SESSION_TOKEN"),
        ("", {**ENV, "AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY is not set"),
        ("", {**ENV, "AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID is not set"),
        ("", {**ENV, "AWS_REQUEST_PAYER": "me"}, "AWS_REQUEST_PAYER='me'"),
    ],
)
def test_settings_that_are_wrong(  # noqa: PLR0913, PLR0917 (fixtures)
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    configure: Callable[..., None],
    config: str,
    variables: dict[str, str],
    said: str,
) -> None:
    """One line and a hint for each, before any request."""
    configure(f"[default]\n{config}", **variables)
    write(project, bucket, f', endpoint = "{recording_proxy.url}"')
    err = project.fails("lock")
    assert said in err
    assert len(err.splitlines()) == 2
    assert "unexpected" not in err
    assert "nter2" not in err
    assert not recording_proxy.log


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_MAX_ATTEMPTS": "abc"},
        {"AWS_PROFILE": "nobody"},
        {"AWS_CONFIG_FILE": "/etc"},
        {"AWS_CA_BUNDLE": "/missing"},
        {"AWS_REGION": "eu west"},
        {"AWS_ENDPOINT_URL": "127.0.0.1"},
        {"AWS_METADATA_SERVICE_TIMEOUT": "abc"},
    ],
)
def test_what_is_not_needed_may_be_wrong(  # noqa: PLR0913, PLR0917 (fixtures)
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    configure: Callable[..., None],
    variables: dict[str, str],
) -> None:
    moto.put(bucket, {"a.bin": b"content"})
    configure("[default]\ncredential_process = /missing\n", **ENV, **variables)
    write(project, bucket, f', endpoint = "{recording_proxy.url}", region = "us-east-1"')
    project.ok("lock")


def test_a_program_that_does_not_end(  # noqa: PLR0913, PLR0917 (fixtures)
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(credentials, "_LONGEST", 0.2)
    ended = tmp_path / "ended"
    wait = f'import pathlib, time\nwhile not pathlib.Path("{ended}").exists(): time.sleep(0.05)'
    script = tmp_path / "program.py"
    script.write_text(wait)
    configure(f"[default]\ncredential_process = {sys.executable} {script}\n")
    write(project, bucket, f', endpoint = "{recording_proxy.url}"')
    err = project.fails("lock")
    ended.touch()
    assert "finding credentials for S3 takes more than" in err
    assert "credential_process" in err
    assert not recording_proxy.log


def test_a_region_that_is_none_of_amazon(project: Project, configure: Callable[..., None]) -> None:
    configure("", **ENV)
    write(project, "my-models", ', region = "EU"')
    assert "write eu-west-1" in project.fails("lock")
