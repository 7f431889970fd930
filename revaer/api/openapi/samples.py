"""One sample of everything, written by the encoders that answer calls: examples cannot differ from answers."""

from __future__ import annotations

import base64
from typing import Any, Final

import orjson

from revaer import bencode
from revaer.api.config_views import (
    change_document,
    impact_document,
    issued_document,
    key_document,
    revision_document,
)
from revaer.api.create_routes import created_document
from revaer.api.errors import InvalidParam
from revaer.api.fsops_views import job_detail, job_document, plan_document, queue_document, verification_document
from revaer.api.look_views import peer_document, pieces_document, terms_document, trackers_document
from revaer.api.problems import Problem
from revaer.api.views import detail_document, file_document, torrent_document
from revaer.authoring.messages import CreatedFile, CreatedTorrent, SkippedFile
from revaer.config.messages import Change, HistoryEntry, Impact, IssuedKey, KeyFacts, RateLimit
from revaer.fsops.messages import (
    ArtifactFile,
    Finding,
    FindingKind,
    JobDetail,
    JobState,
    Outcome,
    PlannedStepView,
    PlanView,
    QueueView,
    StepName,
    StepView,
    VerifyReport,
)
from revaer.session.messages import PeerView, PieceMap, TorrentDetail, TorrentTerms, TrackerState, TrackerView
from revaer.types import (
    Descriptor,
    FileView,
    InfoHash,
    Priority,
    Progress,
    SelectionRules,
    StateView,
    TorrentId,
    TorrentOptions,
    TorrentState,
    TorrentView,
)

AT: Final = 1_793_620_800.0
"""Unix seconds of everything that happens in examples."""
REQUEST: Final = "0192f0c1-7e57-7000-8000-00000000c0de"
HASH: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
TORRENT_ID: Final = TorrentId("0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6")
MAGNET: Final = f"magnet:?xt=urn:btih:{HASH}&dn=Some.Film.2026.1080p"
METAINFO: Final = base64.b64encode(
    bencode.encode(
        {
            b"announce": b"https://tracker.example/announce",
            b"info": {
                b"files": [
                    {b"length": 40_000, b"path": [b"film.mkv"]},
                    {b"length": 2_000, b"path": [b"film.nfo"]},
                ],
                b"name": b"Some.Film.2026",
                b"piece length": 16_384,
                b"pieces": bytes(range(60)),
            },
        }
    )
).decode()
"""A `.torrent` of two files."""
TRACKER: Final = "https://tracker.example/announce"
DIGEST: Final = "3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b"

_DESCRIPTOR: Final = Descriptor(
    hashes=InfoHash(v1=HASH),
    info_hash=HASH,
    download_dir="/srv/downloads",
    added_at=AT,
    name="Some.Film.2026.1080p",
    content_path="/srv/downloads/Some.Film.2026.1080p",
    tags=("films", "weekend"),
    category="films",
    trackers=(TRACKER,),
    max_download_bps=5_000_000,
    queue_position=0,
)
_PROGRESS: Final = Progress(
    bytes_downloaded=1_879_048_192,
    bytes_total=4_294_967_296,
    percent_complete=43.75,
    eta_seconds=483,
    download_bps=4_999_168,
    upload_bps=262_144,
    ratio=0.05,
    downloaded_bytes=1_883_242_496,
    uploaded_bytes=93_952_409,
)
VIEW: Final = TorrentView(TORRENT_ID, _DESCRIPTOR, StateView(TorrentState.DOWNLOADING, AT + 2.5), _PROGRESS, AT + 60)
_FILES: Final = (
    FileView(
        0, "Some.Film.2026.1080p.mkv", 4_294_967_296, 1_879_048_192, Priority.NORMAL, selected=True, rule="default"
    ),
    FileView(1, "Sample/sample.mkv", 52_428_800, 0, Priority.SKIP, selected=False, rule="skip_fluff: Sample"),
)
_OPTIONS: Final = TorrentOptions(
    download_dir="/srv/downloads",
    tags=("films", "weekend"),
    category="films",
    selection=SelectionRules(skip_fluff=True),
    max_download_bps=5_000_000,
)
_JOB: Final = JobDetail(
    torrent_id=TORRENT_ID,
    state=JobState.COMPLETED,
    attempt=1,
    priority=0,
    updated_at=AT + 900,
    artifact_path="/srv/library/Some Film 2026",
    policy_digest=DIGEST,
    steps=(
        StepView(StepName.TRANSFER, Outcome.DONE, AT + 880, 0.012, 4_294_967_296, "linked 1 file"),
        StepView(StepName.PUBLISH, Outcome.DONE, AT + 899, 0.001, 0, ""),
    ),
    files=(ArtifactFile("Some.Film.2026.1080p.mkv", 4_294_967_296, DIGEST),),
)
KEY_FACTS: Final = KeyFacts(
    "rk_9f8e7d6c5b4a",
    "dashboard",
    ("read",),
    AT,
    expires_at=AT + 90 * 86_400,
    rate_limit=RateLimit(60, 60.0),
)
_CHANGE: Final = Change("/engine_profile/max_download_bps", None, 5_000_000)

TORRENT: Final = torrent_document(VIEW)
TORRENT_PAGE: Final[dict[str, Any]] = {"torrents": [TORRENT], "next": "WyJrIiwiYWRkZWRfYXQvMDAiXQ"}
TORRENT_DETAIL: Final = detail_document(TorrentDetail(VIEW, _OPTIONS, _FILES))
FILES: Final = {"files": [file_document(file) for file in _FILES]}
JOB: Final = job_document(_JOB)
JOB_DETAIL: Final = job_detail(_JOB)
PLAN: Final = plan_document(
    PlanView(
        TORRENT_ID,
        DIGEST,
        (
            PlannedStepView(StepName.EXTRACT, "skip", "there are no archives"),
            PlannedStepView(StepName.TRANSFER, "run", "1 file is linked", DIGEST),
        ),
        entry="/srv/library/Some Film 2026",
    )
)
QUEUE: Final = queue_document(QueueView(paused=False, queued=2, running=1))
VERIFICATION: Final = verification_document(
    VerifyReport(
        run_id="0192f0c1-5555-7000-8000-000000000001",
        finished=True,
        started_at=AT,
        entries=12,
        entries_total=12,
        bytes=51_539_607_552,
        findings=(Finding(TORRENT_ID, FindingKind.MISSING, "/srv/library/Some Film 2026/extra.srt", "is not there"),),
        findings_total=1,
    )
)
KEY: Final = key_document(KEY_FACTS)
ISSUED_KEY: Final = issued_document(IssuedKey(KEY_FACTS, "rk_9f8e7d6c5b4a:shown-this-one-time"))
TRIAL: Final[dict[str, Any]] = {
    "valid": True,
    "changes": [change_document(_CHANGE)],
    "impact": impact_document(Impact(consumers=frozenset({"throttle"})), 17),
}
REVISIONS: Final[dict[str, Any]] = {
    "revisions": [revision_document(HistoryEntry(13, AT, KEY_FACTS.key_id, REQUEST, "patch", (_CHANGE,)))],
    "next": 13,
}
MADE: Final[dict[str, Any]] = orjson.loads(
    created_document(
        CreatedTorrent(
            name="Some.Film.2026",
            hashes=InfoHash(v1=HASH),
            size=4_294_967_296,
            piece_length=4_194_304,
            pieces=1024,
            files=(CreatedFile("Some.Film.2026.1080p.mkv", 4_294_967_296),),
            skipped=(SkippedFile("info.nfo", "exclude: **/*.nfo"),),
            metainfo=b"d4:infod4:name14:Some.Film.2026ee",
        ),
        [TRACKER],
    )
)
TERMS: Final = terms_document(TorrentTerms(VIEW, _OPTIONS))
PEERS: Final = {
    "peers": [
        peer_document(
            PeerView(
                address="192.0.2.17",
                port=51_413,
                client="Transmission 4.0",
                connection="utp",
                progress=1.0,
                download_bps=2_097_152,
                upload_bps=0,
                downloaded_bytes=734_003_200,
                uploaded_bytes=0,
                flags=("encrypted",),
                source=("tracker",),
            )
        )
    ]
}
TRACKERS: Final = trackers_document((TrackerView(TRACKER, 0, TrackerState.WORKING, seeders=12, leechers=3),))
PIECES: Final = pieces_document(PieceMap(count=4, piece_length=16_384, have=b"\xa0", availability=(1, 2, 1, 0)))
BULK_RESULTS: Final[dict[str, Any]] = {
    "results": [
        {"status": 201, "id": TORRENT_ID, "info_hash": HASH},
        {
            "status": 422,
            "problem": Problem(
                "validation", "there is no info-hash in it", (InvalidParam("/torrents/1/magnet", "has no info-hash"),)
            ).document(REQUEST),
        },
    ]
}
ACTION_RESULTS: Final[dict[str, Any]] = {"results": [{"id": TORRENT_ID, "status": 200}]}
