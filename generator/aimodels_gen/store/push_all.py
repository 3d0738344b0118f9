"""Pushing models and what was built, to whatever a URL names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_fetcher.wording import counted
from aimodels_gen.nix import store
from aimodels_gen.nix.store_url import SshStore, check_writable
from aimodels_gen.store.push_closures import Building, Closures, joined, push_closures
from aimodels_gen.store.push_models import push
from aimodels_gen.store.push_ssh import push_ssh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.nix.signing import SecretKey
    from aimodels_gen.nix.store_url import StoreUrl
    from aimodels_gen.store.push_models import Pushed, Watch


@dataclass(frozen=True)
class Order:
    """What to push.

    Attributes:
        models: What the lock pins.
        known: Other pins, whose files may be the same.
        installables: What to build, and to push with all that it refers to.
        key: To sign that with, None for nobody.
        jobs: The most requests at a time.
        dry: Whether to only find out what is missing.
        shows: Whether the user sees what Nix says while it builds.
    """

    models: Sequence[LockedModel]
    known: Sequence[LockedModel]
    installables: Sequence[str]
    key: SecretKey | None
    jobs: int
    dry: bool
    shows: bool


def push_all(order: Order, target: StoreUrl, watch: Watch) -> Pushed:
    """Push to a binary cache, or to the store of another machine.

    Raises:
        StoreError: There is no Nix, or it refused.
        AimodelsError: The cache or the machine cannot be used.
    """
    store.check_nix()
    if not isinstance(target, SshStore):
        check_writable(target, store.store_dir())
    with Building(order.installables, shows=order.shows) as building:
        found = building.run()
        if isinstance(target, SshStore):
            done = push_ssh(
                order.models,
                found,
                target,
                watch,
                known=order.known,
                key=order.key,
                dry=order.dry,
            )
        else:
            if order.key:
                found = building.signed(found, order.key)
            parts = []
            if order.models or not found.infos:
                jobs, dry = order.jobs, order.dry
                parts.append(push(order.models, target, watch, jobs, known=order.known, dry=dry))
            if found.infos:
                parts.append(push_closures(found, target, watch, order))
            done = joined(parts)
    if not order.key:
        _warn_of_unsigned(found, watch)
    return done


def _warn_of_unsigned(found: Closures, watch: Watch) -> None:
    if unsigned := found.unsigned:
        others = counted(len(unsigned), "path")
        watch.warn(
            f"what was built has no signature ({others}, such as {unsigned[-1].path}): Nix "
            "refuses it on machines that check signatures; sign it with "
            "`--secret-key-file FILE`"
        )
