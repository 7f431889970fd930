"""GET /v1/fs/browse: what may be looked into, page by page, and what may not."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revaer.api import browse_routes
from revaer.api.browsing import Entry, Look, decode_cursor, encode_cursor, list_directory
from tests.api.conftest import READER, Running, open_api
from tests.support.problem_documents import assert_problem


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """A directory that may be looked into."""
    path = tmp_path / "allowed"
    (path / "films" / "One").mkdir(parents=True)
    (path / "films" / "two.mkv").write_bytes(b"x" * 10)
    (path / ".hidden").write_bytes(b"")
    (path / "b.txt").write_bytes(b"four")
    (path / "way").symlink_to("films")
    os.mkfifo(path / "pipe")
    return path


@pytest.fixture
async def api(tmp_path: Path, allowed: Path) -> AsyncIterator[Running]:
    """An API that may look into `allowed`, and into its download root."""
    (tmp_path / "downloads").mkdir()
    async with open_api(tmp_path / "downloads", allow_paths=(allowed,)) as running:
        yield running


async def browse(api: Running, **query: Any) -> httpx.Response:
    """GET /v1/fs/browse."""
    return await api.http.get("/v1/fs/browse", params=query)


async def names(api: Running, **query: Any) -> list[str]:
    """The names of a page."""
    answer = await browse(api, **query)
    assert answer.status_code == 200, answer.text
    return [entry["name"] for entry in answer.json()["entries"]]


async def test_a_directory_with_everything_in_it(api: Running, allowed: Path) -> None:
    document = (await browse(api, path=allowed)).json()
    assert (document["path"], document["parent"]) == (str(allowed), str(allowed.parent))
    assert "next" not in document
    entries = {entry["name"]: entry for entry in document["entries"]}
    assert list(entries) == [".hidden", "b.txt", "films", "pipe", "way"]
    assert {name: entry["kind"] for name, entry in entries.items()} == {
        ".hidden": "file",
        "b.txt": "file",
        "films": "directory",
        "pipe": "other",
        "way": "symlink",
    }
    assert {name: entry.get("size_bytes") for name, entry in entries.items()} == {
        ".hidden": 0,
        "b.txt": 4,
        "films": None,
        "pipe": None,
        "way": None,
    }
    assert entries["b.txt"]["path"] == str(allowed / "b.txt")
    assert entries["b.txt"]["modified_at"].endswith("Z")


async def test_without_a_path_the_roots_are_listed(api: Running, allowed: Path) -> None:
    document = (await browse(api)).json()
    assert [entry["path"] for entry in document["entries"]] == sorted([str(allowed), str(api.settings.download_root)])
    assert {entry["kind"] for entry in document["entries"]} == {"directory"}
    assert "path" not in document


async def test_a_root_that_is_gone_is_not_listed(api: Running, allowed: Path) -> None:
    api.settings.download_root.rmdir()
    assert await names(api) == [str(allowed)]


async def test_directories_only(api: Running, allowed: Path) -> None:
    assert await names(api, path=allowed, dirs_only="true") == ["films"]
    assert await names(api, path=allowed / "films", dirs_only="true", limit=1) == ["One"]


async def test_pages(api: Running, allowed: Path) -> None:
    for number in range(25):
        (allowed / "films" / f"{number:02}").touch()
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(4):
        document = (await browse(api, path=allowed / "films", limit=7, **cursor)).json()
        found += [entry["name"] for entry in document["entries"]]
        cursor = {"cursor": document.get("next", "")}
    assert found == sorted(entry.name for entry in (allowed / "films").iterdir())
    assert cursor == {"cursor": ""}


async def test_a_walk_goes_on_while_entries_come_and_go(api: Running, allowed: Path) -> None:
    for name in "bdfh":
        (allowed / "films" / name).touch()
    document = (await browse(api, path=allowed / "films", limit=3)).json()
    assert [entry["name"] for entry in document["entries"]] == ["One", "b", "d"]
    (allowed / "films" / "d").unlink()
    (allowed / "films" / "a").touch()
    (allowed / "films" / "g").touch()
    assert await names(api, path=allowed / "films", cursor=document["next"]) == ["f", "g", "h", "two.mkv"]


async def test_links_that_stay_inside_are_followed_and_told_by_where_they_lead(api: Running, allowed: Path) -> None:
    document = (await browse(api, path=allowed / "way")).json()
    assert document["path"] == str(allowed / "films")
    assert document["entries"][0]["path"] == str(allowed / "films" / "One")


@pytest.mark.parametrize("target", ["secret", "", ".."])
async def test_links_that_lead_out_are_refused(api: Running, allowed: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "secret" / "below").mkdir(parents=True)
    (allowed / "out").symlink_to(tmp_path / target)
    for path in ("out", "out/below", "out/nothing"):
        problem = assert_problem(await browse(api, path=allowed / path), 403, "forbidden")
        assert "secret" not in problem["detail"]


@pytest.mark.parametrize("path", ["/", "/etc", "/nowhere/at/all", "{allowed}-beside", "{parent}"])
async def test_what_lies_elsewhere_is_refused_whether_it_is_there_or_not(
    api: Running, allowed: Path, path: str
) -> None:
    allowed.with_name("allowed-beside").mkdir()
    place = path.format(allowed=allowed, parent=allowed.parent)
    assert_problem(await browse(api, path=place), 403, "forbidden")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"path": "relative"}, "/query/path"),
        ({"path": "/a/../b"}, "/query/path"),
        ({"path": "/a\x00b"}, "/query/path"),
        ({"path": "/" + "x" * 4096}, "/query/path"),
        ({"path": ""}, "/query/path"),
        ({"path": "/allowed", "limit": "0"}, "/query/limit"),
        ({"path": "/allowed", "limit": "1001"}, "/query/limit"),
        ({"path": "/allowed", "limit": "many"}, "/query/limit"),
        ({"path": "/allowed", "dirs_only": "1"}, "/query/dirs_only"),
        ({"path": "/allowed", "cursor": "nonsense"}, "/query/cursor"),
        ({"path": "/allowed", "cursor": "x" * 401}, "/query/cursor"),
        ({"path": "/allowed", "cursor": "\u00e9"}, "/query/cursor"),
        ({"cursor": "x"}, "/query/cursor"),
        ({"hidden": "true"}, "/query/hidden"),
    ],
)
async def test_what_is_no_question(api: Running, query: dict[str, str], pointer: str) -> None:
    assert_problem(await browse(api, **query), 400, "bad-request", pointer)


async def test_a_cursor_of_another_directory_is_refused(api: Running, allowed: Path) -> None:
    cursor = (await browse(api, path=allowed, limit=1)).json()["next"]
    for other in ({"path": allowed / "films"}, {"path": allowed, "dirs_only": "true"}):
        assert_problem(await browse(api, cursor=cursor, **other), 400, "bad-request", "/query/cursor")


async def test_what_is_no_directory_is_not_found(api: Running, allowed: Path) -> None:
    for name in ("nothing", "b.txt", "pipe"):
        assert_problem(await browse(api, path=allowed / name), 404, "not-found")


async def test_names_that_are_no_text_are_shown_and_have_no_path(api: Running, allowed: Path) -> None:
    (allowed / "films" / os.fsdecode(b"\xff\xfe")).touch()
    entry = (await browse(api, path=allowed / "films")).json()["entries"][-1]
    assert entry["name"] == "\\xff\\xfe"
    assert "path" not in entry
    assert entry["kind"] == "file"


@pytest.mark.parametrize(
    ("at", "told"), [(0.0, True), (1.5, True), (-1.0, False), (float(2**40), False), (None, False)]
)
def test_times_that_no_calendar_has_are_left_out(at: float | None, told: bool) -> None:
    assert ("modified_at" in browse_routes._row(Entry("x", "file", 1, at), "/a")) is told


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [(PermissionError(13, "denied"), 403, "forbidden"), (OSError(5, "Input/output error"), 503, "service-unavailable")],
)
async def test_what_cannot_be_read(
    api: Running, allowed: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, status: int, kind: str
) -> None:
    def failing(look: Look) -> None:
        raise error

    monkeypatch.setattr(browse_routes, "list_directory", failing)
    assert_problem(await browse(api, path=allowed), status, kind)


async def test_a_disk_that_does_not_answer(api: Running, allowed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(browse_routes, "BROWSE_SECONDS", 0.05)
    monkeypatch.setattr(browse_routes, "list_directory", lambda _: gate.wait(30))
    try:
        answer = await browse(api, path=allowed)
    finally:
        gate.set()
    assert_problem(answer, 503, "service-unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_who_may_look(api: Running, allowed: Path) -> None:
    headers = {"x-revaer-api-key": str(READER)}
    answer = await api.http.get("/v1/fs/browse", params={"path": str(allowed)}, headers=headers)
    assert_problem(answer, 403, "forbidden")
    assert_problem(await api.http.post("/v1/fs/browse"), 405, "method-not-allowed")


NAMES = st.sets(
    st.binary(min_size=1, max_size=6).filter(lambda name: not {0, 47} & set(name) and name not in (b".", b".."))
)


@settings(max_examples=50, deadline=None)
@given(NAMES, st.integers(1, 5))
def test_walking_all_pages_shows_every_entry_once(
    tmp_path_factory: pytest.TempPathFactory, found: set[bytes], limit: int
) -> None:
    root = tmp_path_factory.mktemp("walk")
    for name in found:
        (root / os.fsdecode(name)).touch()
    look = Look(str(root), (str(root),), limit)
    shown: list[bytes] = []
    while True:
        page = list_directory(look)
        shown += [os.fsencode(entry.name) for entry in page.entries]
        assert len(page.entries) <= limit
        if page.next is None:
            break
        look = Look(look.path, look.roots, limit, decode_cursor(look, encode_cursor(look, page.next)))
    assert shown == sorted(found)
