"""The kinds of values: addresses, hosts, URLs, paths, zones, names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.config.building import problems_of


def fs(field: str, value: Any) -> dict[str, Any]:
    return {"fs_policy": {field: value}}


def app(field: str, value: Any) -> dict[str, Any]:
    return {"app_profile": {field: value}}


def engine(field: str, value: Any) -> dict[str, Any]:
    return {"engine_profile": {field: value}}


def zone(name: str) -> dict[str, Any]:
    return engine("alt_speed", {"schedule": [{"start": "00:00", "end": "01:00", "timezone": name}]})


def window(**fields: Any) -> dict[str, Any]:
    return engine("alt_speed", {"schedule": [{"start": "00:00", "end": "01:00", **fields}]})


def tag(name: str) -> dict[str, Any]:
    return {"label_policies": {"tags": {name: {}}}}


ACCEPTED = [
    *(engine("listen_interfaces", [text]) for text in ("eth0", "10.0.0.1", "::", "fe80::1%eth0", "wg0.100", "br-lan")),
    *(app("local_networks", [text]) for text in ("10.0.0.0/8", "10.1.2.3", "::1", "fd00::/8", "::ffff:0:0/96")),
    *(
        app("allowed_hosts", [text])
        for text in ("node", "a.b-c.example", "x_y.local", "10.0.0.1", "::1", "[::1]", "a.b.")
    ),
    *(app("allowed_origins", [text]) for text in ("http://a.example", "https://a.example:8443", "http://[::1]:3000")),
    *(engine("dht_bootstrap_nodes", [text]) for text in ("a.example:1", "10.0.0.1:65535", "[::1]:6881")),
    *(
        engine("tracker", {"extra": [text]})
        for text in (
            "udp://t.example:1/announce",
            "https://u:p@t.example/x?k=v",
            "http://[::1]:80/announce",
            "wss://t.example",
        )
    ),
    *(fs("library_root", text) for text in ("/", "/a b/ü", "/a//b/", "/.hidden/..x")),
    *(zone(text) for text in ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5")),
    *(window(start=text) for text in ("00:00", "09:59", "23:59")),
    *(tag(text) for text in ("a", "x" * 128, "Filme & Serien", "a/b~c", "日本", "[key]")),
    *(fs("umask", text) for text in ("022", "0022", "777", "000")),
    *(fs("owner", text) for text in ("media", "_apt", "0", "1000", "user.name", "machine$")),
]

REFUSED = [
    *(
        (engine("listen_interfaces", [text]), "/engine_profile/listen_interfaces/0")
        for text in ("", "a b", "a" * 16, "10.0.0.1:80", "[::1]", "256.1.1.1/8", "eth0,eth1", "10.0.0.1 ")
    ),
    *(
        (app("local_networks", [text]), "/app_profile/local_networks/0")
        for text in ("", "10.0.0.1/8", "10.0.0.0/33", "example", "10.0.0.0/8 ", "10.0.0.0-10.0.0.9", "::/129", "10")
    ),
    *(
        (app("allowed_hosts", [text]), "/app_profile/allowed_hosts/0")
        for text in (
            "",
            "*",
            "*.example",
            "a:80",
            "http://a",
            "a/b",
            "-a",
            "a..b",
            "[10.0.0.1",
            "[10.0.0.1]",
            "a b",
            "x" * 64,
        )
    ),
    *(
        (app("allowed_origins", [text]), "/app_profile/allowed_origins/0")
        for text in (
            "*",
            "null",
            "a.example",
            "https://a.example/",
            "ftp://a",
            "https://u:p@a.example",
            "https://a?b",
            "https://",
        )
    ),
    *(
        (engine("dht_bootstrap_nodes", [text]), "/engine_profile/dht_bootstrap_nodes/0")
        for text in ("a.example", "a:0", "a:65536", "::1:80", ":80", "a:", "a:+1", "a:\uff11")
    ),
    *(
        (engine("tracker", {"extra": [text]}), "/engine_profile/tracker/extra/0")
        for text in (
            "",
            "t.example",
            "ftp://t.example",
            "udp://",
            "http://a b/",
            "http://t:99999/",
            "http://t:0/",
            "http://ü.example/",
            "http://[::1",
        )
    ),
    *(
        (engine("ip_filter", {"blocklist_url": text}), "/engine_profile/ip_filter/blocklist_url")
        for text in ("file:///etc/passwd", "udp://a/b", "https://user@a.example/", "https://u:p@a.example/")
    ),
    *(
        (fs("library_root", text), "/fs_policy/library_root")
        for text in ("", "a", "./a", "/a/../b", "/..", "/" + "ä" * 2048)
    ),
    *(
        (zone(text), "/engine_profile/alt_speed/schedule/0/timezone")
        for text in (
            "",
            "Mars/Base",
            "Europe",
            "europe/../UTC",
            "/etc/passwd",
            "localtime",
            "posix/UTC",
            "UTC+1:00",
            "Europe/Berlin\n",
        )
    ),
    *(
        (window(end=text), "/engine_profile/alt_speed/schedule/0/end")
        for text in ("24:00", "9:00", "09:60", "09:00:00", "0900", " 9:00", "\u0660\u0669:\u0660\u0660", "09:00\n")
    ),
    *(
        (window(days=days), "/engine_profile/alt_speed/schedule/0/days/0")
        for days in (["Mon"], [0], ["monday"], [None])
    ),
    *((tag(text), f"/label_policies/tags/{text}") for text in ("", ".", "..", "a,b", " a", "a ", "x" * 129, "a\nb")),
    *((fs("umask", text), "/fs_policy/umask") for text in ("", "22", "888", "4755", "0o22", "-022", "00022")),
    *((fs("owner", text), "/fs_policy/owner") for text in ("", "-x", "Media", "a b", "-1", "1" * 11, "a:b")),
    *(
        (
            engine("tracker", {"proxy": {"kind": "http", "host": "p", "port": 1, "username_secret": text}}),
            "/engine_profile/tracker/proxy/username_secret",
        )
        for text in ("", "A", "a b", "-a", "a/b", "a" * 65)
    ),
    (engine("tracker", {"announce_ip": "example"}), "/engine_profile/tracker/announce_ip"),
    (engine("tracker", {"announce_ip": "10.0.0.0/8"}), "/engine_profile/tracker/announce_ip"),
]


@pytest.mark.parametrize("patch", ACCEPTED)
def test_right_values_are_taken(patch: object) -> None:
    assert problems_of(patch) == {}


@pytest.mark.parametrize(("patch", "pointer"), REFUSED)
def test_wrong_values_are_refused(patch: object, pointer: str) -> None:
    assert list(problems_of(patch)) == [pointer]
