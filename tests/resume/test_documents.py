"""Intents as documents: everything comes back, newer keys are passed over, nonsense is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revaer.resume.documents import Stored, encode_options, encode_removing, read_document, read_row, write_document
from revaer.resume.errors import UnreadableDocument, UnwritableIntent
from revaer.resume.messages import Intent, Processing, ProcessingStage, Removing
from revaer.types import InfoHash, Priority, SelectionRules, StorageMode, TorrentOptions
from tests.resume.conftest import build_intent

TEXT = st.text(max_size=20)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
RATES = st.none() | st.integers(0, 2**31 - 1)
OPTIONS = st.builds(
    TorrentOptions,
    download_dir=TEXT,
    name=st.none() | TEXT,
    storage_mode=st.sampled_from(StorageMode),
    paused=st.booleans(),
    tags=TEXTS,
    trackers=TEXTS,
    selection=st.builds(
        SelectionRules,
        include=TEXTS,
        exclude=TEXTS,
        skip_fluff=st.booleans(),
        priorities=st.dictionaries(st.integers(0, 10_000), st.sampled_from(Priority), max_size=3),
    ),
    max_download_bps=RATES,
    seed_ratio_limit=st.none() | st.floats(0, 100, allow_nan=False),
    queue_position=st.none() | st.integers(0, 1000),
)


def row_of(intent: Intent, **changes: Any) -> dict[str, Any]:
    row = {
        "id": intent.torrent_id,
        "info_hash_v1": intent.hashes.v1,
        "info_hash_v2": intent.hashes.v2,
        "magnet": intent.magnet,
        "metainfo": intent.metainfo,
        "options": encode_options(intent).decode(),
        "added_at": intent.added_at,
        "completed_at": intent.completed_at,
        "removing": encode_removing(intent.removing),
        "revision": 3,
    }
    return row | changes


@settings(deadline=None)
@given(OPTIONS)
def test_options_survive_the_database_and_the_copy(options: TorrentOptions) -> None:
    intent = replace(build_intent(1), options=options)
    stored = Stored(intent, 3)
    assert read_row(row_of(intent)) == stored  # type: ignore[arg-type]  # a dict serves as a row
    through_copy = read_document(orjson.loads(orjson.dumps(write_document(stored))), intent.metainfo)
    assert through_copy == stored


def test_every_other_field_survives() -> None:
    intent = replace(
        build_intent(1),
        hashes=InfoHash("a" * 40, "b" * 64),
        info_hash="b" * 64,
        magnet="magnet:?xt=urn:btih:" + "a" * 40,
        metainfo=None,
        completed_at=1.5,
        removing=Removing(delete_data=True),
        moving_to="/elsewhere",
        library_path="/library/Film",
        processing=Processing(ProcessingStage.FAILED, "the archive is broken", withheld=True),
    )
    assert read_row(row_of(intent)).intent == intent  # type: ignore[arg-type]  # a dict serves as a row


def test_intent_of_an_older_daemon_has_no_post_processing() -> None:
    intent = build_intent(1)
    document = orjson.loads(encode_options(intent))
    del document["library_path"], document["processing"]
    assert read_row(row_of(intent, options=orjson.dumps(document))).intent == intent  # type: ignore[arg-type]  # a dict serves as a row


def test_public_name_falls_back_to_the_primary_hash() -> None:
    intent = build_intent(1)
    document = orjson.loads(encode_options(intent))
    del document["info_hash"]
    assert read_row(row_of(intent, options=orjson.dumps(document))).intent.info_hash == intent.hashes.primary  # type: ignore[arg-type]  # a dict serves as a row


def test_keys_of_a_newer_daemon_are_passed_over() -> None:
    intent = build_intent(1)
    document = orjson.loads(encode_options(intent)) | {"hologram": {"depth": 3}}
    document["selection"]["mood"] = "blue"
    assert read_row(row_of(intent, options=orjson.dumps(document))).intent == intent  # type: ignore[arg-type]  # a dict serves as a row


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"options": "not json"}, "JSONDecodeError"),
        ({"options": "[]"}, "dict"),
        ({"options": "{}"}, "download_dir"),
        ({"options": '{"download_dir": 7}'}, "download_dir"),
        ({"options": '{"download_dir": "/x", "storage_mode": "holographic"}'}, "storage_mode"),
        ({"options": '{"download_dir": "/x", "tags": "one"}'}, "tags"),
        ({"removing": '{"delete_data": "perhaps"}'}, "delete_data"),
        ({"info_hash_v1": None}, "info-hash"),
        ({"added_at": None}, "TypeError"),
    ],
)
def test_unreadable_row_is_explained(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UnreadableDocument, match=says):
        read_row(row_of(build_intent(1), **changes))  # type: ignore[arg-type]  # a dict serves as a row


def test_document_without_a_key_is_unreadable() -> None:
    with pytest.raises(UnreadableDocument, match="options"):
        read_document({}, None)


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(UnwritableIntent, match="surrogates"):
        encode_options(build_intent(1, options={"comment": "\ud800"}))


def test_equal_options_are_one_object() -> None:
    rows = (row_of(build_intent(1, info_hash=info_hash)) for info_hash in ("a" * 40, "b" * 40))
    first, second = (read_row(row) for row in rows)  # type: ignore[arg-type]  # a dict serves as a row
    assert first.intent.options is second.intent.options
    assert (first.intent.info_hash, second.intent.info_hash) == ("a" * 40, "b" * 40)


@pytest.mark.parametrize("name", ["info_hash", "moving_to", "library_path", "processing"])
def test_nonsense_beside_the_options_is_named(name: str) -> None:
    options = orjson.loads(encode_options(build_intent(1))) | {name: 7}
    with pytest.raises(UnreadableDocument, match=name):
        read_row(row_of(build_intent(1), options=orjson.dumps(options).decode()))  # type: ignore[arg-type]  # a dict serves as a row
