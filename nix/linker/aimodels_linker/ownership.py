"""Whose files and directories we believe: root's, and those of the user that we run as."""

from __future__ import annotations

import os
import stat


def is_ours(status: os.stat_result) -> bool:
    """Whether a file belongs to root or to the user that we run as."""
    return status.st_uid in {0, os.geteuid()}


def is_private(status: os.stat_result) -> bool:
    """Whether nobody but root and the user that we run as can write to a file or directory.

    An access control list is no way around this: what it allows to others shows in the bits of the
    group.
    """
    mode = status.st_mode
    if not is_ours(status) or mode & stat.S_IWOTH:
        return False
    return not mode & stat.S_IWGRP or _is_own_group(status.st_gid)


def user_name(number: int) -> str:
    """Return the name of a user, or the number if it has none."""
    import pwd  # noqa: PLC0415 (rarely needed)

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _is_own_group(number: int) -> bool:
    """Whether a group is that of root or of our user alone: it has their name, and no members.

    Systems on which each user has such a group let it write to new directories.
    """
    import grp  # noqa: PLC0415 (rarely needed)

    try:
        group = grp.getgrgid(number)
    except KeyError:
        return False
    users = {user_name(0), user_name(os.geteuid())}
    return group.gr_name in users and {group.gr_name}.issuperset(group.gr_mem)
