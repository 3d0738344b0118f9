"""What variables, profiles and services of AWS say, as every AWS program reads them.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore import exceptions

from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.sources.s3.credentials import (
    bounded,
    environment_credentials,
    frozen_keys,
    words,
)
from aimodels_fetcher.sources.s3.environment import (
    checked_endpoint,
    endpoint_variable,
    region_variable,
    setting,
)
from aimodels_fetcher.sources.s3.hosts import check_region
from aimodels_gen.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_NUMBERS = (
    "AWS_MAX_ATTEMPTS",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "AWS_METADATA_SERVICE_TIMEOUT",
)
_LOOK = "check AWS_PROFILE and ~/.aws: `aws configure list` shows what is used"


class Environment:
    """Reads each setting when it is first needed, since what is not needed may be wrong.

    One object serves all threads. Its methods raise an AimodelsError for what is wrong.
    """

    def __init__(self, profile: str | None = None) -> None:
        """Read nothing yet; a `profile` counts more than the variables that hold keys."""
        self._profile = profile
        self._lock = threading.RLock()
        self._found: dict[str, Any] = {}

    @property
    def is_anonymous(self) -> bool:
        """Return whether it is known that there are no credentials."""
        return self._found.get("credentials", ()) is None

    def credentials(self) -> Any:  # noqa: ANN401 - botocore has no types
        """Return botocore's credentials, None for requests without."""
        return self._once("credentials", self._credentials)

    def region(self) -> str | None:
        """Return the region for servers other than Amazon's, None where nothing is set."""
        return cast("str | None", self._once("region", self._region))

    def endpoint(self) -> str | None:
        """Return the server that takes the place of Amazon's, None where nothing is set."""
        return cast("str | None", self._once("endpoint", self._endpoint))

    def _once(self, name: str, find: Callable[[], Any]) -> Any:  # noqa: ANN401 - as above
        with self._lock:
            if name not in self._found:
                with _explained(self._profile):
                    self._found[name] = find()
            return self._found[name]

    def _session(self) -> Any:  # noqa: ANN401 - as above
        session = self._once("session", lambda: botocore.session.Session(profile=self._profile))
        for name in ("config_file", "credentials_file"):
            _check_readable(Path(session.get_config_variable(name)).expanduser())
        return session

    def _credentials(self) -> Any:  # noqa: ANN401 - as above
        found = None if self._profile else environment_credentials()
        if found is None:
            found = bounded(
                self._session().get_credentials,
                "finding credentials for S3",
                f"check credential_process and the other settings of {_profile()} in ~/.aws",
            )
        if found is not None:
            frozen_keys(found)  # a session that is over is noticed before any request
        return found

    def _region(self) -> str | None:
        if found := region_variable(amazon=False):
            return found
        region = self._session().get_config_variable("region")
        if not region:
            return None
        return check_region(region, f"region = {region!r} of {_profile()} in ~/.aws", amazon=False)

    def _endpoint(self) -> str | None:
        """Return what botocore would use, which has no public function for it.

        https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        """
        session = self._session()
        if session.get_config_variable("ignore_configured_endpoint_urls"):
            return None
        if found := endpoint_variable():
            return found
        profile = session.get_scoped_config()
        section = profile.get("services")
        services = session.full_config.get("services", {})
        if section and section not in services:
            raise SourceError(
                f"{_profile()} names the services section {section!r}, which does not exist",
                f"write a section [services {section}] in ~/.aws/config, or remove the line",
            )
        s3 = services[section].get("s3") if section else None
        url = s3.get("endpoint_url") if isinstance(s3, dict) else None
        url = url or profile.get("endpoint_url")
        return checked_endpoint(f"endpoint_url of {_profile()} in ~/.aws", url) if url else None


def _profile() -> str:
    found = setting(*_PROFILES)
    return f"the profile {found[1]!r}" if found else "the default profile"


def _check_readable(path: Path) -> None:
    """Refuse a file of settings that botocore would leave out without a word.

    Raises:
        SourceError: it is there, and cannot be read.
    """
    try:
        path.open("rb").close()
    except OSError as error:
        if not os.path.exists(path):  # noqa: PTH110 - also where nobody may look
            return
        raise SourceError(
            f"{path} cannot be read: {error.strerror}",
            "check its permissions, and AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE",
        ) from error


@contextmanager
def _explained(profile: str | None) -> Iterator[None]:
    """Turn what botocore raises into a `SourceError` with the setting to correct."""
    try:
        yield
    except AimodelsError:
        raise
    except exceptions.ProfileNotFound as error:
        named = ("profile", profile) if profile else setting(*_PROFILES)
        name, value = named or ("AWS_PROFILE", "default")
        raise SourceError(
            f"{name}={value!r} names a profile that does not exist",
            "`aws configure list-profiles` lists those that do",
        ) from error
    except exceptions.BotoCoreError as error:
        raise SourceError(
            f"the credentials for S3 cannot be used: {words(error)}", _LOOK
        ) from error
    # A program that is missing or prints rubbish, a number that is none: whatever it comes to.
    except Exception as error:
        odd = [found for name in _NUMBERS if (found := setting(name)) and not found[1].isdecimal()]
        if odd:
            name, value = odd[0]
            raise SourceError(
                f"{name}={value!r} is not a number", "set it to one, or unset it"
            ) from error
        if isinstance(error, OSError):
            reason = f"{error.strerror or words(error)} ({error.filename})"
        else:
            kind = type(error).__name__
            reason = f"a program or a service returned something else ({kind}: {words(error)})"
        raise SourceError(
            f"the credentials for S3 cannot be used: {reason}",
            f"check credential_process and the other settings of {_profile()}: "
            "`aws configure list` shows what is used",
        ) from error
