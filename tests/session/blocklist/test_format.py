"""Blocklists as they are published."""

import gzip
import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.session import blocklist_format
from revaer.session.address_ranges import AddressRanges, Span
from revaer.session.blocklist_format import BlocklistUnusable, read_list

EDGE = st.integers(0, (1 << 32) - 1)
SPANS = st.lists(st.tuples(EDGE, st.integers(0, 1 << 12)).map(lambda it: (it[0], min(it[0] + it[1], (1 << 32) - 1))))


def ranges(text: str) -> list[tuple[str, str]]:
    """What a list blocks."""
    return list(read_list(text.encode()).ranges.texts())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("192.0.2.7", [("192.0.2.7", "192.0.2.7")]),
        ("192.0.2.0/24", [("192.0.2.0", "192.0.2.255")]),
        ("192.0.2.9/24", [("192.0.2.0", "192.0.2.255")]),
        ("192.0.2.1-192.0.2.9", [("192.0.2.1", "192.0.2.9")]),
        ("192.0.2.1 - 192.0.2.9 # why", [("192.0.2.1", "192.0.2.9")]),
        ("192.0.2.7 ; why", [("192.0.2.7", "192.0.2.7")]),
        ("2001:db8::/32", [("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")]),
        ("2001:db8::1-2001:db8::9", [("2001:db8::1", "2001:db8::9")]),
        ("Some Body: of 10.0.0.0:192.0.2.1-192.0.2.9", [("192.0.2.1", "192.0.2.9")]),
        (":192.0.2.1-192.0.2.9", [("192.0.2.1", "192.0.2.9")]),
        ("192.000.002.001 - 192.000.002.009 , 000 , Some, Body", [("192.0.2.1", "192.0.2.9")]),
        ("192.0.2.1-192.0.2.9,127", [("192.0.2.1", "192.0.2.9")]),
        ("\ufeff192.0.2.7\r", [("192.0.2.7", "192.0.2.7")]),
    ],
)
def test_every_form_of_a_line_is_read(line: str, expected: list[tuple[str, str]]) -> None:
    assert ranges(line) == expected


def test_comments_blank_lines_and_what_a_dat_file_lets_in_are_no_ranges() -> None:
    text = "# a\n; b\n// c\n\n   \n192.0.2.7\n198.51.100.0 - 198.51.100.9 , 200 , let in\n"
    assert ranges(text) == [("192.0.2.7", "192.0.2.7")]
    assert read_list(text.encode()).unreadable == 0


def test_ranges_are_sorted_and_those_that_touch_become_one() -> None:
    text = "192.0.2.9\n192.0.2.0/29\n192.0.2.8\n10.0.0.0/8\n10.1.0.0/16\n::2\n::1\n"
    assert ranges(text) == [("10.0.0.0", "10.255.255.255"), ("192.0.2.0", "192.0.2.9"), ("::1", "::2")]


def test_unreadable_lines_are_left_out_and_counted() -> None:
    text = "192.0.2.1\n192.0.2.3\n192.0.2.5\n300.0.0.1-300.0.0.2\nupside:9.9.9.9-1.1.1.1\n"
    assert (len(ranges(text)), read_list(text.encode()).unreadable) == (3, 2)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no addresses"),
        (b"# nothing today\n", "no addresses"),
        (b"1.1.1.1 - 1.1.1.2 , 200 , let in\n", "no addresses"),
        (b"<html>\n<body>\n404\n</html>\n1.1.1.1", "4 of its 5 lines"),
        (b"1.1.1.1-::1\n", "1 of its 1 lines"),
        (b"x" * 9000, "lines are neither"),
        (gzip.compress(b"192.0.2.1\n" * 99, mtime=0)[:-9], "compression is damaged"),
        (b"\x1f\x8bnonsense", "compression is damaged"),
    ],
)
def test_what_is_no_list_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(BlocklistUnusable, match=why):
        read_list(body)


def test_compressed_lists_are_read_also_when_they_are_compressed_twice() -> None:
    body = gzip.compress(b"192.0.2.7\n", mtime=0)
    assert len(read_list(body).ranges) == len(read_list(gzip.compress(body, mtime=0)).ranges) == 1


def test_a_bomb_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocklist_format, "MAX_TEXT", 1 << 20)
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb") as stream:
        for _ in range(64):
            stream.write(b"#\n" * 32768)
    with pytest.raises(BlocklistUnusable, match="larger than 1 MiB"):
        read_list(bomb.getvalue())


def test_too_many_ranges_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocklist_format, "MAX_RANGES", 2)
    with pytest.raises(BlocklistUnusable, match="more than 2 ranges"):
        read_list(b"192.0.2.1\n192.0.2.3\n192.0.2.5\n")


@given(SPANS, st.lists(EDGE, max_size=20))
def test_merging_blocks_the_same_addresses_as_before(spans: list[Span], others: list[int]) -> None:
    merged = AddressRanges.merged(spans)
    packed, v6 = merged.packed()
    assert (AddressRanges.unpacked(packed, v6).packed(), v6) == ((packed, ()), ())
    numbers = [
        tuple(sum(int(part) << 8 * (3 - at) for at, part in enumerate(edge.split("."))) for edge in pair)
        for pair in merged.texts()
    ]
    assert all(after[0] > before[1] + 1 for before, after in pairwise(numbers))
    for address in [*others, *(edge for span in spans for edge in span)]:
        assert any(a <= address <= b for a, b in numbers) == any(a <= address <= b for a, b in spans)


@pytest.mark.parametrize("packed", [b"\1\0\0\0", b"\2\0\0\0\1\0\0\0", b"\1\0\0"])
def test_damaged_ranges_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r"damaged|multiple"):
        AddressRanges.unpacked(packed, ())
