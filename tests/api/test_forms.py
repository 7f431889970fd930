"""Multipart uploads: read as they arrive, held to every limit, and broken ones refused in words."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from revaer.api.errors import BodyTooLarge, InvalidBody, MalformedRequest
from revaer.api.forms import MAX_PARTS, PIECE_BYTES, Form, FormReader
from revaer.api.settings import JSON_BYTES, METAINFO_BYTES, MULTIPART_BYTES
from tests.api.conftest import Running
from tests.support.problem_documents import assert_problem

TYPE = "multipart/form-data; boundary=cut"


def part(name: str, content: bytes, *, filename: str | None = None, kind: str = "") -> bytes:
    """One part, as clients write it."""
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if kind:
        head += f"\r\nContent-Type: {kind}"
    return b"--cut\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole body."""
    return b"".join(parts) + b"--cut--\r\n"


def read(*pieces: bytes) -> Form:
    """Read a body that arrives in pieces."""
    reader = FormReader(TYPE)
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


WHOLE = form(
    part("options", b'{"tags": ["x"]}', kind="application/json"),
    part("metainfo", b"d4:info\r\n--cu--cutt\r\n\r\ne", filename="a.torrent"),
    part("name", "F\u00eate".encode()),
)
EXPECTED = Form((("options", '{"tags": ["x"]}'), ("name", "F\u00eate")), b"d4:info\r\n--cu--cutt\r\n\r\ne")


@pytest.mark.parametrize("padding", [b"", b" ", b" \t  "])
def test_no_single_cut_changes_what_is_read(padding: bytes) -> None:
    """Not even one within the line of a boundary, which may end in blanks."""
    whole = WHOLE.replace(b"--cut\r\n", b"--cut" + padding + b"\r\n").replace(b"--cut--", b"--cut--" + padding)
    for place in range(len(whole)):
        assert read(whole[:place], whole[place:]) == EXPECTED, place
    assert read(*(whole[place : place + 1] for place in range(len(whole)))) == EXPECTED


def test_what_only_begins_like_a_boundary_is_contents() -> None:
    contents = [b"x\r\n--cut" + tail for tail in (b"-x", b" " * 300 + b"x", b"ter\r\n--cu", b"\t\t.\r\n--", b".")]
    for content in contents:
        whole = form(part("metainfo", content), part("name", b"x"))
        for place in range(len(whole)):
            assert read(whole[:place], whole[place:]) == Form((("name", "x"),), content), (content[:20], place)


@example([279])
@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_how_a_body_is_cut_into_pieces_does_not_count(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WHOLE)]
    pieces = [WHOLE[start:end] for start, end in pairwise(places)]
    assert read(*pieces) == EXPECTED


@settings(max_examples=300)
@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)), st.binary(max_size=20))
def test_a_mangled_body_is_read_or_refused(start: int, end: int, junk: bytes) -> None:
    body = WHOLE[: min(start, end)] + junk + WHOLE[max(start, end) :]
    with contextlib.suppress(MalformedRequest, InvalidBody):
        assert isinstance(read(body), Form)


@pytest.mark.parametrize("end", range(0, len(WHOLE) - 4, 7))
def test_a_body_that_ends_early_is_refused(end: int) -> None:
    with pytest.raises(MalformedRequest, match="form"):
        read(WHOLE[:end])


@given(
    st.lists(st.tuples(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1), st.binary()), max_size=6)
)
def test_equal_forms_have_equal_digests_whatever_their_boundary(fields: list[tuple[str, bytes]]) -> None:
    texts = [(f"f{name}", content.hex()) for name, content in fields]
    body = form(*(part(name, text.encode()) for name, text in texts))
    reader = FormReader("multipart/form-data; boundary=another")
    reader.feed(body.replace(b"--cut", b"--another"))

    assert reader.finish().digest() == read(body).digest()


@pytest.mark.parametrize(
    "other",
    [
        Form((("a", "bc"),), None),
        Form((("ab", "d"),), None),
        Form((("ab", "c"), ("", "")), None),
        Form((("ab", "c"),), b""),
        Form((), b"abc"),
    ],
)
def test_other_forms_have_other_digests(other: Form) -> None:
    assert other.digest() != Form((("ab", "c"),), None).digest()


@pytest.mark.parametrize(
    "content_type", ["", "multipart/form-data", "multipart/form-data; boundary=", f"x; boundary={'b' * 71}"]
)
def test_a_form_needs_a_boundary(content_type: str) -> None:
    with pytest.raises(MalformedRequest, match="boundary"):
        FormReader(content_type)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (form(part("a", b"1", filename="a"), part("b", b"2", filename="b")), "more than one file"),
        (form(part("metainfo", b"1"), part("b", b"2", filename="b")), "more than one file"),
        (form(b"--cut\r\nContent-Disposition: form-data\r\n\r\nx\r\n"), "no name"),
        (form(part("n" * 1025, b"x")), "endless one"),
        (form(b"--cut\r\nContent-Type: text/plain\r\n\r\nx\r\n"), "broken"),
        (form(part("name", b"\xff\xfe")), "not UTF-8"),
        (b"no form at all", "cut off"),
        (b"", "cut off"),
        (b"--cut\r\nX: " + b"x" * (5 * PIECE_BYTES), "endless head"),
        (b"p" * (5 * PIECE_BYTES), "endless head"),
        (form(*(part(f"f{number}", b"") for number in range(MAX_PARTS + 1))), "1200 parts"),
    ],
)
def test_broken_forms_say_what_is_wrong(body: bytes, match: str) -> None:
    with pytest.raises(MalformedRequest, match=match):
        read(body)


def test_a_part_called_metainfo_is_the_file_with_or_without_a_file_name() -> None:
    assert read(form(part("metainfo", b"x"))) == Form((), b"x")
    assert read(form(part("torrent", b"x", filename="x.torrent"))) == Form((), b"x")


def test_options_may_come_as_a_file_of_json() -> None:
    body = form(part("options", b"{}", filename="options.json", kind="application/json"), part("metainfo", b"x"))
    assert read(body) == Form((("options", "{}"),), b"x")


def test_a_file_that_grows_too_large_is_refused_in_the_middle() -> None:
    reader = FormReader(TYPE)
    reader.feed(part("metainfo", b"", filename="a")[:-2])
    reader.feed(bytes(METAINFO_BYTES - PIECE_BYTES))
    with pytest.raises(BodyTooLarge) as refusal:
        reader.feed(bytes(3 * PIECE_BYTES))
    assert refusal.value.pointer == "/metainfo"
    assert refusal.value.limit == METAINFO_BYTES


def test_a_file_of_the_largest_size_is_taken() -> None:
    assert len(read(form(part("metainfo", bytes(METAINFO_BYTES), filename="a"))).file or b"") == METAINFO_BYTES


def test_text_that_grows_too_large_is_refused() -> None:
    reader = FormReader(TYPE)
    reader.feed(part("options", b"")[:-2])
    reader.feed(b" " * JSON_BYTES)
    with pytest.raises(BodyTooLarge):
        reader.feed(b" " * (2 * PIECE_BYTES))


async def post(api: Running, *parts: bytes, content_type: str = TYPE, body: Any = None) -> httpx.Response:
    return await api.http.post("/v1/torrents", content=body or form(*parts), headers={"content-type": content_type})


async def test_an_upload_adds_what_it_says(api: Running) -> None:
    answer = await post(
        api,
        part("metainfo", b"d4:infoe", filename="a.torrent"),
        part("options", b'{"tags": ["x"], "sequential": true}'),
    )
    assert answer.status_code == 201, answer.text
    request = api.catalogue.requests[-1]
    assert (request.metainfo, request.options.tags, request.options.sequential) == (b"d4:infoe", ("x",), True)


@pytest.mark.parametrize(
    ("parts", "status", "kind", "pointer"),
    [
        ([part("options", b"{")], 400, "bad-request", "/options"),
        ([part("options", b'{"a": 1, "a": 2}')], 400, "bad-request", "/options"),
        ([part("options", b"[]")], 400, "bad-request", "/options"),
        ([part("options", b"{}"), part("name", b"x")], 400, "bad-request", "/options"),
        ([part("name", b"x"), part("name", b"y")], 400, "bad-request", "/name"),
        ([part("sequential", b"yes")], 400, "bad-request", "/sequential"),
        ([part("sequential", b'"true"')], 422, "validation", "/sequential"),
        ([part("options", b'{"nonsense": 1}')], 422, "validation", "/nonsense"),
        ([part("nonsense", b"1")], 422, "validation", "/nonsense"),
        ([part("a/b", b"no JSON")], 422, "validation", "/a~1b"),
        ([part("magnet", b"magnet:?xt=urn:btih:" + b"a" * 40)], 422, "validation", "/metainfo"),
    ],
)
async def test_uploads_that_ask_for_nonsense(
    api: Running, parts: Sequence[bytes], status: int, kind: str, pointer: str
) -> None:
    assert_problem(await post(api, part("metainfo", b"x"), *parts), status, kind, pointer)
    assert not api.catalogue.requests


@pytest.mark.parametrize(("content", "pointer"), [(part("tags", b"x"), ""), (part("metainfo", b""), "/metainfo")])
async def test_uploads_without_a_torrent(api: Running, content: bytes, pointer: str) -> None:
    assert_problem(await post(api, content), 422, "validation", pointer)
    assert not api.catalogue.requests


async def test_what_follows_a_form_is_no_part_of_it(api: Running) -> None:
    whole = form(part("metainfo", b"d4:infoe"))
    answer = await post(api, body=whole + b"\r\n" + b"x" * (8 * PIECE_BYTES) + part("metainfo", b"other"))
    assert answer.status_code == 201, answer.text
    assert api.catalogue.requests[-1].metainfo == b"d4:infoe"


async def test_a_large_form_of_text_is_read_beside_the_loop(api: Running) -> None:
    options = json.dumps({"exclude": ["y" * 500] * 250, "comment": "x" * 4000})
    answer = await post(api, part("metainfo", b"d4:infoe"), part("options", options.encode().ljust(JSON_BYTES)))
    assert answer.status_code == 201, answer.text
    assert len(api.catalogue.requests[-1].options.selection.exclude) == 250


async def test_an_upload_beyond_the_limit_is_refused_announced_or_not(api: Running) -> None:
    junk = [part(f"f{number}", bytes(1024 * 1024)) for number in range(4)]
    assert_problem(await post(api, body=form(*junk * 9)), 413, "payload-too-large")

    async def endless() -> AsyncIterator[bytes]:
        yield part("metainfo", b"", filename="a")[:-2]
        for _ in range(MULTIPART_BYTES // PIECE_BYTES + 1):
            yield bytes(PIECE_BYTES)

    answer = await post(api, body=endless())
    assert_problem(answer, 413, "payload-too-large")
    assert answer.json()["invalid_params"][0]["pointer"] == "/metainfo"
    assert not api.catalogue.requests


@pytest.mark.parametrize("coding", ["gzip", "zstd", "GZIP", "deflate, gzip", "br"])
@pytest.mark.parametrize("content_type", [TYPE, "application/json"])
async def test_compressed_bodies_are_refused(api: Running, coding: str, content_type: str) -> None:
    headers = {"content-type": content_type, "content-encoding": coding}
    answer = await api.http.post("/v1/torrents", content=b"x" * 100, headers=headers)
    assert_problem(answer, 415, "unsupported-media-type")
    assert answer.headers["accept-encoding"] == "identity"


async def test_a_body_that_says_it_is_not_compressed_is_taken(api: Running) -> None:
    body = json.dumps({"magnet": f"magnet:?xt=urn:btih:{'a' * 40}"})
    headers = {"content-type": "application/json", "content-encoding": "identity"}
    assert (await api.http.post("/v1/torrents", content=body, headers=headers)).status_code == 201
