"""URLs of caches and stores, as Nix writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimodels_gen.errors import AimodelsError
from aimodels_gen.nix.store_url import (
    Bucket,
    Directory,
    SshStore,
    StoreUrl,
    WebCache,
    check_writable,
    parse,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:///srv/cache", Directory("file:///srv/cache", Path("/srv/cache"))),
        ("file:///srv//my%20cache/", Directory("file:///srv//my%20cache/", Path("/srv/my cache"))),
        ("/srv/cache", Directory("/srv/cache", Path("/srv/cache"))),
        ("http://rack:8080/", WebCache("http://rack:8080", "http://rack:8080")),
        ("https://cache.example.org/a", WebCache(*["https://cache.example.org/a"] * 2)),
        ("s3://models", Bucket("s3://models", "models")),
        ("ssh://host", SshStore("ssh://host", "ssh://host")),
        ("ssh-ng://me@host:2222", SshStore("ssh-ng://me@host:2222", "ssh-ng://me@host:2222")),
        ("ssh-ng://[::1]", SshStore("ssh-ng://[::1]", "ssh-ng://[::1]")),
    ],
)
def test_reads_what_nix_reads(text: str, expected: StoreUrl) -> None:
    assert parse(text) == expected


def test_reads_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    assert parse("./cache") == Directory("./cache", tmp_path / "cache")
    assert parse("there") == Directory("there", tmp_path / "there")


@pytest.mark.parametrize(
    ("query", "endpoint"),
    [
        ("endpoint=minio:9000&scheme=http", "http://minio:9000"),
        ("endpoint=minio.example.org", "https://minio.example.org"),
        ("endpoint=http%3A%2F%2F127.0.0.1%3A9000", "http://127.0.0.1:9000"),
        ("endpoint=http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("endpoint=", None),
    ],
)
def test_reads_buckets(query: str, endpoint: str | None) -> None:
    found = parse(f"s3://models/fleet?region=eu-west-1&profile=fleet&{query}")
    assert isinstance(found, Bucket)
    assert (found.bucket, found.prefix, found.region) == ("models", "fleet/", "eu-west-1")
    assert (found.endpoint, found.profile) == (endpoint, "fleet")
    assert found.label == "s3://models/fleet"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "'' is not the URL of a cache", "file:///DIRECTORY"),
        ("cache.example.org", "'cache.example.org' is not the URL", "https://HOST/PATH"),
        ("s3:/models", "this is not the URL", "s3://BUCKET"),
        ("htps://h", "htps:// is not of a cache or a store", "https://HOST/PATH"),
        ("daemon", "'daemon' is a store of this machine", "aimodels-gen prefetch"),
        ("local?root=/mnt", "'local?root=/mnt' is a store of this machine", "prefetch"),
        ("unix:///run/nix", "unix:// is a store of this machine", "prefetch"),
        ("file://cache", "file://cache does not name a directory from /", "file:///DIRECTORY"),
        ("file:///a b", "has spaces or control characters", "%20"),
        ("https://h/x#y", "has a fragment", "%23"),
        ("https://", "is not the http(s) URL of a cache", "https://cache.example.org"),
        ("http://h:99999/", "is not the http(s) URL of a cache", "https://cache.example.org"),
        ("https://me:hunter22@h/x", "has a user or a password in it", "~/.netrc"),
        ("s3://AKIA:hunter22@models", "has a user or a key in it", "AWS_ACCESS_KEY_ID"),
        ("s3://", "does not name a bucket", "s3://BUCKET?region=REGION"),
        ("s3://models/../x", "does not name a bucket", "s3://BUCKET?region=REGION"),
        ("s3://models?endpoint=a/b@c", "endpoint is not the host", "endpoint=HOST"),
        ("s3://models?region=EU", "region='EU' of s3://models is not a region", "eu-west-1"),
        ("https://h/x?token=hunter22", "parameter that is not known: 'token'", "leave it out"),
        ("ssh://me:hunter22@host", "is not the URL of a store over SSH", "ssh://HOST"),
        ("ssh://-oProxyCommand", "is not the URL of a store over SSH", "ssh://HOST"),
        ("ssh-ng:///nix", "is not the URL of a store over SSH", "ssh-ng://HOST"),
    ],
)
def test_says_what_to_write(text: str, message: str, hint: str) -> None:
    with pytest.raises(AimodelsError) as caught:
        parse(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("compression=xz", "compression='xz' is not written"),
        ("narinfo-compression=gzip", "narinfo-compression='gzip' is not written"),
        ("secret-key=/etc/key", "secret-key is not used"),
        ("write-nar-listing=true", "write-nar-listing is not written"),
        ("index-debug-info=1", "index-debug-info is not written"),
        ("store=/gnu/store", "store='/gnu/store', but the store of this machine is /nix/store"),
        ("priority=high", "priority='high' is not a number"),
        ("want-mass-query=maybe", "want-mass-query='maybe' is neither true nor false"),
    ],
)
def test_refuses_what_is_not_written(query: str, message: str) -> None:
    found = parse(f"file:///srv/cache?{query}")
    assert isinstance(found, Directory)
    with pytest.raises(AimodelsError) as caught:
        check_writable(found, "/nix/store")
    assert message in caught.value.message
    assert caught.value.hint


def test_takes_parameters_that_change_nothing() -> None:
    text = (
        "https://h/x?compression=none&priority=30&want-mass-query=true&store=/nix/store&trusted=1"
    )
    found = parse(f"{text}&compression-level=3&write-nar-listing=false")
    assert isinstance(found, WebCache)
    check_writable(found, "/nix/store")
    assert found.base == "https://h/x"
