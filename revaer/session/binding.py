"""What an engine that is bound to an interface or an address may do, by what is there of them. Pure.

A session whose traffic may leave by one way only goes offline when that way is not there, and also when nobody can
tell. What is only listened on may be missing: it is said.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from revaer.session.bounds import is_ip, split_endpoint
from revaer.session.interfaces import Interface
from revaer.session.port import EngineSettings


@dataclass(frozen=True, slots=True)
class Binding:
    """What was found.

    Attributes:
        is_cut: whether there may be no traffic at all.
        reason: what is missing, for people; empty when nothing is.
        way: number of the interface that everything leaves by; None when that is left to the system, or it is not
            there. Another number means that it went and came back, and nothing opened on it before works.
    """

    is_cut: bool = False
    reason: str = ""
    way: int | None = None


UNBOUND = Binding()
"""Nothing that could be missing is named."""


def named(settings: EngineSettings) -> tuple[str, ...]:
    """Return the interfaces and addresses that must be there, the one that everything leaves by first."""
    hosts = (split_endpoint("listen", endpoint)[0] for endpoint in settings.listen)
    names = dict.fromkeys([settings.outgoing_interface, *hosts])
    return tuple(name for name in names if name and not _is_wildcard(name))


def judge(settings: EngineSettings, found: Mapping[str, Interface]) -> Binding:
    """Tell what settings may do on a host with these interfaces."""
    missing = [name for name in named(settings) if locate(name, found) is None]
    bound = settings.outgoing_interface
    if bound in missing:
        return Binding(True, f"all transfers are stopped: they may leave by {bound} only, and {_state(bound, found)}")
    reason = "; ".join(f"nobody can connect by {name}: {_state(name, found)}" for name in missing)
    return Binding(False, reason, locate(bound, found) if bound else None)


def blind(settings: EngineSettings, trouble: str) -> Binding:
    """Tell what settings may do while nobody can tell what is there; `trouble` says why."""
    if not named(settings):
        return UNBOUND
    bound = settings.outgoing_interface
    if bound:
        return Binding(True, f"all transfers are stopped: whether {bound} is there cannot be told: {trouble}")
    return Binding(False, f"the network interfaces cannot be looked at: {trouble}")


def locate(name: str, found: Mapping[str, Interface]) -> int | None:
    """Return the number of the interface that a name or an address belongs to; None when it is not there.

    An interface counts when it is on and has an address that others know; one gives itself another as soon as it is on.
    """
    if not is_ip(name):
        interface = found.get(name)
        return interface.index if interface is not None and interface.is_up and _is_known(interface) else None
    usable = (each for each in found.values() if each.is_up)
    return next((each.index for each in usable if any(_same(name, address) for address in each.addresses)), None)


def _is_known(interface: Interface) -> bool:
    return any("%" not in address for address in interface.addresses)


def _same(wanted: str, address: str) -> bool:
    one, other = ipaddress.ip_address(wanted), ipaddress.ip_address(address)
    if isinstance(one, ipaddress.IPv4Address):
        # Every address of the loopback network is there, although just one of them is listed.
        return one == other or (one.is_loopback and other.version == 4 and other.is_loopback)
    if isinstance(other, ipaddress.IPv4Address):
        return False
    return int(one) == int(other) and one.scope_id in (None, other.scope_id)


def _state(name: str, found: Mapping[str, Interface]) -> str:
    if is_ip(name):
        return "no interface has this address"
    interface = found.get(name)
    if interface is None:
        return "there is no such interface"
    return "it has no address" if interface.is_up else "it is switched off"


def _is_wildcard(host: str) -> bool:
    return is_ip(host) and ipaddress.ip_address(host).is_unspecified
