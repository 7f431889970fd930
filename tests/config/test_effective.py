"""The configuration as it works."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from revaer import __version__
from revaer.config.documents import DOCUMENTS, Configuration
from revaer.config.effective import api_endpoint, cap, effective, is_loopback, listen_endpoints, outgoing_interface
from revaer.config.validate import with_mode
from tests.config.building import DEFAULTS, FULL, configured


def engine(**fields: Any) -> Any:
    return configured({"engine_profile": fields}).engine_profile


def test_gaps_are_filled() -> None:
    view = effective(Configuration(), DEFAULTS)

    assert view["engine_profile"]["download_root"] == "/var/lib/revaer/downloads"
    assert view["engine_profile"]["resume_dir"] == "/var/lib/revaer/resume"
    assert view["fs_policy"]["library_root"] == "/var/lib/revaer/library"
    assert view["engine_profile"]["tracker"]["user_agent"] == f"revaer/{__version__}"
    assert view["engine_profile"]["connections_limit"] == 2000


def test_what_was_set_stays() -> None:
    view, wire = effective(with_mode(configured(FULL), "active"), DEFAULTS), configured(FULL).wire()
    wire["app_profile"]["mode"] = "active"

    assert {name: view[name] for name in DOCUMENTS} == wire
    assert set(view) == {*DOCUMENTS, "derived"}


def test_what_follows_is_derived() -> None:
    assert effective(Configuration(), DEFAULTS)["derived"] == {
        "listen_endpoints": ["0.0.0.0:6881", "[::]:6881"],
        "outgoing_interface": "",
        "utp": True,
        "max_download_bps": None,
        "max_upload_bps": None,
        "keys_needed": True,
        "api": {"endpoint": "127.0.0.1:7070", "tls": False},
        "roots": {
            "download_root": "/var/lib/revaer/downloads",
            "resume_dir": "/var/lib/revaer/resume",
            "library_root": "/var/lib/revaer/library",
        },
        "payload_roots": ["/var/lib/revaer/downloads", "/"],
    }


def test_the_view_does_not_touch_the_configuration() -> None:
    configuration = configured(FULL)
    before = configuration.wire()

    effective(configuration, DEFAULTS)["app_profile"]["local_networks"].clear()

    assert configuration.wire() == before


@pytest.mark.parametrize(("bind", "endpoint"), [("192.0.2.1", "127.0.0.1"), ("::", "127.0.0.1"), ("eth0", "127.0.0.1")])
def test_while_in_setup_the_api_listens_on_loopback_only(bind: str, endpoint: str) -> None:
    configuration = configured({"app_profile": {"bind_addr": bind}})

    assert api_endpoint(configuration, DEFAULTS) == (endpoint, 7070)
    assert api_endpoint(Configuration(), replace(DEFAULTS, bind_addr=bind)) == (endpoint, 7070)
    assert api_endpoint(with_mode(configuration, "active"), DEFAULTS) == (bind, 7070)


def test_any_loopback_address_is_kept_in_setup() -> None:
    for bind in ("127.0.0.2", "::1", "lo"):
        assert api_endpoint(configured({"app_profile": {"bind_addr": bind}}), DEFAULTS) == (bind, 7070)
    assert not is_loopback("eth0")


def test_the_command_line_wins() -> None:
    active = with_mode(Configuration(), "active")

    assert api_endpoint(active, replace(DEFAULTS, bind_addr="::1", http_port=0)) == ("::1", 0)
    view = effective(active, replace(DEFAULTS, bind_addr="::1", http_port=8080))
    assert view["app_profile"]["bind_addr"] == "::1"
    assert view["derived"]["api"]["endpoint"] == "[::1]:8080"


def test_without_ipv6_its_listeners_go() -> None:
    profile = engine(ipv6_mode="disabled", listen_interfaces=["0.0.0.0", "::", "eth0"], listen_port=1)

    assert listen_endpoints(profile) == ("0.0.0.0:1", "eth0:1")


@pytest.mark.parametrize(
    ("interfaces", "outgoing"),
    [(["0.0.0.0"], ""), (["::"], ""), (["wg0"], "wg0"), (["10.0.0.1"], "10.0.0.1"), (["10.0.0.1", "::1"], "")],
)
def test_a_single_listener_is_the_way_out_too(interfaces: list[str], outgoing: str) -> None:
    assert outgoing_interface(engine(listen_interfaces=interfaces)) == outgoing


def test_zero_is_no_cap() -> None:
    assert (cap(None), cap(0), cap(1)) == (None, None, 1)
