"""How many files and connections the process may hold open.

Many systems start services with a soft limit of 1,024, for programs that still use select(). A daemon that serves a
thousand clients and as many peers uses them up, so it takes what the hard limit allows.
"""

from __future__ import annotations

import contextlib
import resource
from typing import Final

ENOUGH: Final = 65_536
"""More is not asked for: some programs that are started from here close every number up to the limit, one by one."""


def allow_many_open_files() -> int:
    """Raise the soft limit of this process as far as the hard one allows, up to `ENOUGH`. Return what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems have a lower bound that the hard limit does not show; what was there must do then.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
