"""Which listeners outlive a change of settings. Pure.

The engine keeps a listener that the new settings ask for as well, and tells nobody: it only tells of new ones. One
whose port was taken when it opened has another port, up to `RETRIES` further.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from revaer.session.bounds import is_ip, split_endpoint

RETRIES: Final = 10
"""How many ports further the engine tries when one is taken."""

_WILDCARDS: Final = {"0.0.0.0": 4, "::": 6}  # noqa: S104 (compared with)


def surviving(addresses: Iterable[str], listen: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses that are listened on still.

    Args:
        addresses: where it listened, as the engine told.
        listen: what is asked for now. Of a network interface only the port is compared.
    """
    wanted = [split_endpoint("listen", endpoint) for endpoint in listen]
    return tuple(address for address in addresses if any(_fits(address, host, port) for host, port in wanted))


def _fits(address: str, host: str, port: int) -> bool:
    has_host, has_port = split_endpoint("listen", address)
    if port and not port <= has_port <= port + RETRIES:
        return False
    if host in _WILDCARDS:
        return is_ip(has_host, _WILDCARDS[host])
    return has_host == host or not is_ip(host)
