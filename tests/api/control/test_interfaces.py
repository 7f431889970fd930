"""Which address the name of an interface means."""

from __future__ import annotations

from pathlib import Path

import pytest

from revaer.api import interfaces
from revaer.api.errors import CannotListen
from revaer.api.interfaces import address_to_bind


def test_the_loopback_interface_is_its_address() -> None:
    assert address_to_bind("lo") == "127.0.0.1"


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost", "nosuch0", ""])
def test_what_is_no_interface_stays_what_it_is(name: str) -> None:
    assert address_to_bind(name) == name


class TestWithoutIpv4:
    """An interface that has no IPv4 address."""

    @pytest.fixture(autouse=True)
    def _no_ipv4(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.table = tmp_path / "if_inet6"
        monkeypatch.setattr(interfaces, "_ipv4_address", lambda _: None)
        monkeypatch.setattr(interfaces, "_interfaces", lambda: ["wan0"])
        monkeypatch.setattr(interfaces, "_IPV6_TABLE", self.table)

    def test_takes_its_global_ipv6_address(self) -> None:
        self.table.write_text(
            "fe800000000000000000000000000001 02 40 20 80     wan0\n"
            "20010db8000000000000000000000001 03 40 00 80     lan0\n"
            "20010db8000000000000000000000002 02 40 00 80     wan0\n"
        )
        assert address_to_bind("wan0") == "2001:db8::2"

    def test_without_any_address_cannot_be_listened_on(self) -> None:
        with pytest.raises(CannotListen, match="wan0: this interface has no address"):
            address_to_bind("wan0")
        self.table.write_text("fe800000000000000000000000000001 02 40 20 80     wan0\n")
        with pytest.raises(CannotListen):
            address_to_bind("wan0")
