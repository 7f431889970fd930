"""Builders for the backup tests: databases with rows in every table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from revaer.backup.taking import Source
from revaer.database.messages import Database
from revaer.database.service import open_database
from revaer.fsops.rows import Ending, pack_ending, pack_spec
from revaer.fsops.types import SourceFile
from revaer.fsops.views import JobSpec
from revaer.types import TorrentId
from tests.support.postgres import fresh_database_url, postgres_url, shared_server_home  # noqa: F401 - fixtures

ID = "01a20a8b-7b3a-7d39-be22-1cec184f6665"

JOB = JobSpec(TorrentId(ID), "a", "/old/films/a", (SourceFile("b", 1),), multi_file=True)
SPEC = pack_spec(JOB)
ENDING = pack_ending(Ending(artifact_path="/old/library/a"))

ROWS = (
    f"""INSERT INTO torrents (id, info_hash_v1, metainfo, options, added_at)
        SELECT ('{ID[:-4]}' || to_char(n, 'FM0000'))::uuid, lpad(n::text, 40, '0'), decode(repeat('00ff', n), 'hex'),
               jsonb_build_object('download_dir', '/old/films', 'name', 'Ein "Film" \u00e4 ' || n, 'ratio', 0.1,
                                  'big', 9007199254740993), '2026-01-01 00:00:00.123456+00'
        FROM generate_series(1, 1203) n""",
    """INSERT INTO config_documents VALUES
        ('engine_profile', '{"download_root": "/old", "resume_dir": "/older", "listen_port": 7}', 3)""",
    "INSERT INTO config_versions VALUES ('engine_profile', 3, '{\"download_root\": \"/old/x\"}')",
    """INSERT INTO config_history VALUES
        (3, gen_random_uuid(), now(), 'rk_x', NULL, 'patch', '[{"pointer": "/engine_profile/listen_port"}]')""",
    "UPDATE config_revision SET revision = 3",
    "INSERT INTO api_keys (key_id, scopes, secret_hash) VALUES ('rk_x', '{read,admin}', '$argon2id$')",
    "INSERT INTO secrets VALUES ('proxy', '\\x00ff10', now())",
    """INSERT INTO setup_token VALUES (true, gen_random_uuid(), 'h', 'me', now(), now())""",
    f"""INSERT INTO fsops_jobs (torrent_id, state, source_root, spec, spec_digest, outcome)
        VALUES ('{ID}', 'queued', convert_to('/old/films/a', 'UTF8'), '\\x{SPEC.content.hex()}', '{SPEC.digest}',
                '\\x{ENDING.hex()}')""",
    "INSERT INTO fsops_volumes VALUES ('local', convert_to('/old', 'UTF8'), gen_random_uuid(), now())",
    """INSERT INTO journal_events (epoch, seq, at, kind, envelope, tags)
        SELECT 4, n, now(), 'completed', '{"a": "b\\n"}', '{x,"y,z"}' FROM generate_series(1, 700) n""",
    "INSERT INTO journal_runs VALUES ('local', 4, gen_random_uuid(), now())",
    """INSERT INTO idempotency_keys (owner, route, key, digest, seed, made_at)
        VALUES ('o', 'r', 'k', '\\x01', '00000000-0000-0000-0000-000000000001', now())""",
    "INSERT INTO idempotency_parts VALUES ('00000000-0000-0000-0000-000000000001', 0, '\\x0102')",
)
"""Rows of every kind that the schema has: bytes, arrays, JSON with large numbers, times, references."""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A database with the daemon's schema."""
    async with open_database(data_dir=Path("unused"), url=url, on_status=lambda _: None) as database:
        with trio.fail_after(15):
            await database.wait_available()
        yield database


@pytest.fixture
async def full(fresh_database_url: str) -> AsyncIterator[Database]:  # noqa: F811 - the imported fixture
    """A database of a node that was in use."""
    async with opened(fresh_database_url) as database:
        for sql in ROWS:
            await database.execute(sql)
        yield database


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """The files of a node that was in use."""
    folder = tmp_path / "source"
    (folder / "resume").mkdir(parents=True)
    (folder / "resume" / f"{ID}.fastresume").write_bytes(b"record \x00\xff")
    (folder / "resume" / f"{ID}.intent").write_bytes(b"a copy, which is made again")
    (folder / "secret.key").write_bytes(b"sealed by this")
    return Source(
        resume=folder / "resume",
        private=(("secret.key", folder / "secret.key"), ("credentials.json", folder / "credentials.json")),
        epoch=4,
        version="0.1.0",
    )
