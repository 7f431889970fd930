"""The small pure parts of the adapter: magnets, settings, records, the flush ledger."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.session.flushes import FlushLedger
from revaer.session.magnet import parse_magnet
from revaer.session.port import EngineSettings, InvalidMetainfo, InvalidSetting
from revaer.session.records import pack_pieces, record_pieces
from revaer.session.settings import native_settings
from tests.support.torrents import encode

V1, V2 = "0123456789abcdef0123456789abcdef01234567", "ab" * 32


def test_magnet_is_read_whole() -> None:
    magnet = parse_magnet(
        f"magnet:?xt=urn:btih:{V1.upper()}&xt=urn:btmh:1220{V2}&dn=a%20b&tr=http%3A%2F%2Ft%2Fannounce&tr.1=udp://u:1&ws=http://w/"
    )
    assert (magnet.hashes.v1, magnet.hashes.v2, magnet.name) == (V1, V2, "a b")
    assert magnet.trackers == ("http://t/announce", "udp://u:1")
    assert magnet.web_seeds == ("http://w/",)


def test_base32_names_the_same_torrent() -> None:
    text = base64.b32encode(bytes.fromhex(V1)).decode()
    assert parse_magnet(f"magnet:?xt=urn:btih:{text.lower()}").hashes.v1 == V1


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("", "no magnet link"),
        ("http://example.org", "no magnet link"),
        ("magnet:xt=urn:btih:" + V1, "no magnet link"),
        ("magnet:?dn=x", "no BitTorrent info-hash"),
        ("magnet:?xt=urn:sha1:" + V1, "no BitTorrent info-hash"),
        ("magnet:?xt=urn:btih:" + V1[:-1], "neither 40"),
        ("magnet:?xt=urn:btih:" + "g" * 40, "neither 40"),
        ("magnet:?xt=urn:btih:" + "0" * 40, "all zeros"),
        ("magnet:?xt=urn:btmh:1220" + V2[:-2], "SHA-256"),
        ("magnet:?xt=urn:btmh:1114" + V1, "SHA-256"),
        ("magnet:?xt=urn:btmh:zz", "hexadecimal"),
        (f"magnet:?xt=urn:btih:{V1}&xt=urn:btih:{'a' * 40}", "two different"),
        (f"magnet:?xt=urn:btih:{V1}&dn={'x' * 9000}", "longer than"),
        (f"magnet:?xt=urn:btih:{V1}&dn=%ff", "malformed"),
    ],
)
def test_unusable_magnets_are_refused_with_their_reason(uri: str, message: str) -> None:
    with pytest.raises(InvalidMetainfo, match=message):
        parse_magnet(uri)


@given(st.text(max_size=200))
def test_no_text_crashes_the_magnet_reader(text: str) -> None:
    with pytest.raises(InvalidMetainfo):
        parse_magnet("magnet:?" + text)


def test_settings_are_put_into_the_engines_words() -> None:
    native = native_settings(EngineSettings(listen=("127.0.0.1:0", "[::1]:6881", "eth0:1"), encryption="require"))
    assert native["listen_interfaces"] == "127.0.0.1:0,[::1]:6881,eth0:1"
    assert (native["in_enc_policy"], native["download_rate_limit"]) == (0, 0)
    assert native["webtorrent_stun_server"] == ""
    assert str(native["user_agent"]).startswith("revaer/")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("listen", {"listen": ("nonsense",)}),
        ("listen", {"listen": ("127.0.0.1:70000",)}),
        ("listen", {"listen": ("999.1.1.1:1",)}),
        ("listen", {"listen": ("[127.0.0.1]:1",)}),
        ("max_download_bps", {"max_download_bps": 2**31}),
        ("max_upload_bps", {"max_upload_bps": -1}),
        ("connections_limit", {"connections_limit": 0}),
        ("connections_limit", {"connections_limit": True}),
        ("encryption", {"encryption": "maybe"}),
        ("disk_io", {"disk_io": "tape"}),
        ("user_agent", {"user_agent": "a\nb"}),
        ("expected_torrents", {"expected_torrents": 0}),
        ("max_queued_disk_bytes", {"max_queued_disk_bytes": 1}),
        ("tick_interval", {"extra": {"tick_interval": 2**31}}),
        ("tick_interval", {"extra": {"tick_interval": 1.5}}),
    ],
)
def test_settings_out_of_bounds_are_refused_by_name(name: str, changes: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidSetting) as caught:
        native_settings(EngineSettings(**changes))
    assert caught.value.name == name


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_piece_lists_survive_packing(flags: list[bool]) -> None:
    record = encode({"file-version": 2, "pieces": pack_pieces(flags)})
    assert record_pieces(record, len(flags)) == flags


def test_old_records_have_a_byte_per_piece() -> None:
    assert record_pieces(encode({"file-version": 1, "pieces": b"\1\0\3"}), 3) == [True, False, True]


@pytest.mark.parametrize("record", [b"", b"rubbish", b"le", b"de", encode({"pieces": 1})])
def test_unreadable_records_claim_nothing(record: bytes) -> None:
    assert record_pieces(record, 8) is None


def test_piece_list_of_another_length_is_none() -> None:
    assert record_pieces(encode({"file-version": 2, "pieces": b"\xff"}), 9) is None


def test_waiter_is_answered_by_its_own_flush_only() -> None:
    """The engine's own flush, begun at a finish, may end first; its notification looks the same."""
    answered: list[str] = []
    ledger = FlushLedger()
    assert not ledger.finished()
    ledger.ask(lambda: answered.append("mine"))
    ledger.flushed()
    assert answered == []
    ledger.flushed()
    assert answered == ["mine"]


def test_finish_while_waiting_asks_for_one_more_flush() -> None:
    answered: list[str] = []
    ledger = FlushLedger()
    ledger.ask(lambda: answered.append("mine"))
    assert ledger.finished()
    ledger.flushed()
    ledger.flushed()
    assert answered == []
    ledger.flushed()
    assert answered == ["mine"]


@given(st.lists(st.sampled_from(["ask", "finish"]), max_size=20))
def test_nobody_waits_for_ever(steps: list[str]) -> None:
    answered: list[int] = []
    ledger, expected, flushes = FlushLedger(), 0, 0
    for step in steps:
        if step == "ask":
            expected, flushes = expected + 1, flushes + 1
            ledger.ask(lambda: answered.append(1))
        else:
            flushes += 1 + ledger.finished()
    for _ in range(flushes):
        ledger.flushed()
    assert len(answered) == expected


def test_lost_count_starts_afresh() -> None:
    answered: list[int] = []
    ledger = FlushLedger()
    assert not ledger.lost_count()
    ledger.ask(lambda: answered.append(1))
    ledger.ask(lambda: answered.append(2))
    assert ledger.lost_count()
    ledger.flushed()
    assert answered == [1, 2]
