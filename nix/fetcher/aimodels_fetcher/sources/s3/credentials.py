"""Credentials for S3, and requests signed with them, by botocore."""

from __future__ import annotations

import queue
import re
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from aimodels_fetcher.environment import in_build
from aimodels_fetcher.errors import PREFETCH, FetchError
from aimodels_fetcher.redaction import learn
from aimodels_fetcher.sources.s3.environment import payer, variable
from aimodels_fetcher.urls import public

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_LONGEST = 120.0  # seconds: a program may ask a person for a code
_MOST_WORDS = 300  # characters of what another program says
_KEY = re.compile(r"[!-~]+")


def where() -> str:
    """Return where to look for credentials."""
    if not in_build():
        return "see `aws sts get-caller-identity`"
    return (
        f"builds do not have your credentials: {PREFETCH}, or set them in the environment of "
        "nix-daemon"
    )


def find_credentials() -> Any:  # noqa: ANN401 (botocore has no types)
    """Read credentials: AWS_ACCESS_KEY_ID and its like, else the instance's where that is wanted.

    None for requests without. Files are not read: what builds see of them is chance.

    Raises:
        FetchError: They are incomplete, or cannot be read.
    """
    keys = environment_credentials()
    # Amazon's own switch, which has to be set on purpose: anonymous builds should not have to wait
    # for a service that is not there.
    disabled = variable("AWS_EC2_METADATA_DISABLED") or ""
    if keys is None and disabled.lower() == "false":
        return _instance_credentials()
    return keys


def environment_credentials() -> Any:  # noqa: ANN401 (as above)
    """Return the credentials that variables hold, None if there are none.

    Raises:
        FetchError: They are incomplete.
    """
    key, secret = variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        from botocore.credentials import Credentials  # noqa: PLC0415 (slow to import)

        return Credentials(key, secret, variable("AWS_SESSION_TOKEN"))
    if key or secret:
        raise FetchError(
            f"AWS_{'SECRET_ACCESS_KEY' if key else 'ACCESS_KEY_ID'} is not set, its other half is",
            f"set both or none; {where()}",
        )
    return None


def bounded(call: Callable[[], T], what: str, hint: str, seconds: float | None = None) -> T:
    """Return what `call` returns; programs and services that it waits for have no limit of theirs.

    Args:
        call: What to do, on a thread of its own.
        what: For the message.
        hint: The next step if it takes too long.
        seconds: The limit; None for the usual one.

    Raises:
        FetchError: It takes too long.
        Exception: As `call`.
    """
    limit = _LONGEST if seconds is None else seconds
    results: queue.SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def work() -> None:
        try:
            results.put((call(), None))
        except BaseException as error:  # noqa: BLE001 (it is raised below)
            results.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = results.get(timeout=limit)
    except queue.Empty:
        raise FetchError(f"{what} takes more than {limit:.0f} seconds", hint) from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # there is one where there is no error


def words(error: BaseException) -> str:
    """Return what an exception says in one line that is not long."""
    said = " ".join(str(error).split())[:_MOST_WORDS]
    return "".join(c for c in said if c.isprintable()) or type(error).__name__


def _instance_credentials() -> Any:  # noqa: ANN401 (as above)
    from botocore.credentials import InstanceMetadataProvider  # noqa: PLC0415 (slow to import)
    from botocore.utils import METADATA_BASE_URL, InstanceMetadataFetcher  # noqa: PLC0415

    address = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") or METADATA_BASE_URL
    hint = "give this instance a role that can read the bucket, or unset the variable"

    def load() -> Any:  # noqa: ANN401 (as above)
        fetcher = InstanceMetadataFetcher(
            timeout=2, num_attempts=3, base_url=address, user_agent="nix-ai-models"
        )
        return InstanceMetadataProvider(fetcher).load()

    try:
        found = bounded(load, f"the answer of {public(address)}", hint)
    except FetchError:
        raise
    except Exception:  # noqa: BLE001 (botocore raises what it likes: the address, the answer)
        found = None
    if found is None:
        raise FetchError(
            f"{public(address)} returned no credentials; AWS_EC2_METADATA_DISABLED=false uses them",
            hint,
        )
    return found


def frozen_keys(credentials: Any) -> Any:  # noqa: ANN401 (as above)
    """Return the keys of credentials as they are now, having renewed them if it is time.

    Args:
        credentials: botocore's.

    Raises:
        FetchError: They cannot be renewed, or cannot be keys; messages do not show them.
    """
    hint = "log in again, for example with `aws sso login`, or try again later"
    # Those of an instance, a role or a program (botocore's RefreshableCredentials).
    renewed = getattr(credentials, "refresh_needed", bool)()
    freeze = credentials.get_frozen_credentials
    try:
        keys = bounded(freeze, "renewing the credentials for S3", hint) if renewed else freeze()
    except FetchError:
        raise
    except Exception as error:
        raise FetchError(
            f"the credentials for S3 cannot be renewed: {words(error)}", hint
        ) from error
    parts = {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_SESSION_TOKEN": keys.token or "-",
    }
    for name, key in parts.items():
        if not (isinstance(key, str) and _KEY.fullmatch(key)):
            raise FetchError(
                f"{name}, or what a profile or a program has in its place, is not a key: it is "
                "empty, or has white space, a line break or a character that is not ASCII",
                "copy it again, without anything around it",
            )
    return keys


def signer(credentials: Any, region: str) -> Callable[[str, str], dict[str, str]]:  # noqa: ANN401
    """Return what gives the headers for a method and a URL of a bucket.

    With credentials they are a signature (version 4), so that URLs hold no secret. Checksums are
    asked for, too.

    Args:
        credentials: botocore's; None for requests without.
        region: Of the bucket.

    Raises:
        FetchError: Who pays is not known.
    """
    who = payer()
    headers = {"x-amz-request-payer": who} if who else {}

    def headers_for(url: str) -> dict[str, str]:
        # Amazon knows it for objects only.
        listing = "?list-type=2" in url
        return headers if listing else {**headers, "x-amz-checksum-mode": "ENABLED"}

    def sign(method: str, url: str) -> dict[str, str]:
        from botocore.auth import S3SigV4Auth  # noqa: PLC0415 (slow to import)
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        request = AWSRequest(method=method, url=url, headers=headers_for(url))
        keys = frozen_keys(credentials)
        learn(keys.secret_key, keys.token)
        S3SigV4Auth(keys, "s3", region).add_auth(request)
        return dict(request.headers.items())

    if credentials is None:
        return lambda _method, url: headers_for(url)
    return sign
