"""Command lines of which every character counts, and the node that they are run against. What they write is kept in
`tests/cli/snapshots`; `just cli-snapshots` writes it anew."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import click

from revaer.cli.commands import COMMANDS
from revaer.cli.main import cli, run
from revaer.cli.tree import load_command
from tests.support.fake_api import KEY, SINCE, Answer, event_frame, file_document, frame, in_thread, problem
from tests.support.fake_node import FakeNode
from tests.support.fake_torrents import REFUSED, peer_document, tracker_document

PLACE = Path(__file__).parents[1] / "cli" / "snapshots"
WIDTH = 100
MAGNET = "magnet:?xt=urn:btih:" + "1" * 40
FILM, SHOW = "Film.2024", "Show S01"

Twist: TypeAlias = Callable[[FakeNode], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """Some command lines one after the other, and what is different about the node before."""

    lines: tuple[str, ...]
    twist: Twist = field(default=lambda node: None)
    stdin: bytes = b""


def node() -> FakeNode:
    """A node with two torrents, a job, a key, a secret and a little history."""
    made = FakeNode()
    film = made.put(
        FILM,
        files=[
            file_document(0, "film.mkv", 900_000_000, bytes_completed=450_000_000, priority="high", rule="override 0"),
            file_document(1, "Sample/film.mkv", 9_000_000, priority="skip", selected=False, rule="skip_fluff"),
        ],
        category="films",
        tags=["a", "b"],
        trackers=["http://one.example/announce"],
        progress={
            "bytes_downloaded": 450_000_000,
            "bytes_total": 900_000_000,
            "percent_complete": 50.0,
            "eta_seconds": 125,
        },
        rates={"download_bps": 3_600_000, "upload_bps": 20_000, "ratio": 0.25},
    )
    made.put(
        SHOW,
        state={"kind": "failed", "message": "the disk is full", "since": SINCE},
        library_path="/srv/library/Show S01",
    )
    made.looks[film["id"]] = {
        "peers": [peer_document("192.0.2.1", client="qBittorrent", progress=1.0, download_bps=3_600_000)],
        "trackers": [
            tracker_document("http://one.example/announce", state="working", seeders=12, leechers=3),
            tracker_document("udp://two.example:80", 1, state="failing", last_error="timed out"),
        ],
        "pieces": {
            "count": 20,
            "piece_length": 1 << 20,
            "have_count": 12,
            "have": base64.b64encode(b"\xff\xf0\x00").decode(),
            "availability": {"min": 0, "max": 4, "average": 1.75, "missing": 1},
        },
        "timeline": [
            {
                "id": "1-1",
                "timestamp": SINCE,
                "event": {"type": "torrent_added", "torrent_id": film["id"], "torrent": film},
            },
            {"id": "1-9", "timestamp": SINCE, "event": {"type": "completed", "torrent_id": film["id"]}},
        ],
    }
    made.add_job(
        film["id"], "failed", error={"step": "extract", "message": "the archive is broken", "retryable": False}
    )
    made.add_key("rk_one", label="sonarr", scopes=["torrents"])
    made.secrets["proxy"] = "private-words"
    parts = {"database": {"state": "degraded", "reason": "connection refused", "since": SINCE, "generation": 1}}
    rails = [
        {
            "guardrail": "global_upload_cap",
            "message": "there is no global upload cap: it is absent or 0, which is unlimited",
        }
    ]
    made.health = Answer(200, {"status": "degraded", "version": "0.1.0", "components": parts, "guardrails": rails})
    return made


def _next(*answers: Answer) -> Twist:
    return lambda node: node.next_answers.extend(answers)


def _events(node: FakeNode) -> None:
    """A stream with everything that may come on one."""
    film = next(iter(node.torrents))
    node.streams.append(
        [
            event_frame("1-1", "torrent_added", torrent_id=film, torrent=node.torrents[film]),
            event_frame("1-2", "state_changed", torrent_id=film, previous="queued", state={"kind": "downloading"}),
            frame(None, "lagged", {"count": 12}),
            frame(None, "reset", {"reason": "expired", "snapshot": "/v1/torrents"}),
            event_frame("2-1", "fsops_failed", torrent_id=film, step="extract", message="the archive is broken"),
            FakeNode.HOLD,
        ]
    )


REFUSAL = problem(
    422,
    "Some values cannot be accepted",
    "two values are wrong",
    instance="req-422",
    invalid_params=[
        {"pointer": "/max_download_bps", "message": "must be at least 0"},
        {"pointer": "/tags/3", "message": "is longer than 128 characters"},
    ],
)
ONCE = problem(
    400,
    "Bad request",
    "no such state",
    instance="req-400",
    invalid_params=[{"pointer": "/query/state", "message": "no such state"}],
)
BUSY = Answer(
    429,
    {
        "type": "https://revaer.dev/problems/rate-limited",
        "title": "Too many requests",
        "status": 429,
        "detail": "",
        "instance": "req-429",
    },
    "application/problem+json",
    headers={"retry-after": "7"},
)
AWAY = problem(503, "Not available now", "the database is away", instance="req-503")

SCENES: Mapping[str, Scene] = {
    "add": Scene((f"add '{MAGNET}'", f"add '{MAGNET}'", "add -"), stdin=f"{MAGNET[:-1]}2\n{MAGNET}\n".encode()),
    "ls": Scene(("ls", "ls --state failed", "ls --limit 1", "ls --fields name,state --output json")),
    "ls-none": Scene(("ls", "ls --output json"), lambda node: node.torrents.clear()),
    "status": Scene(("status {film}", "status {show}")),
    "files": Scene(("files {film}", "files {film} --output json", "files {show}")),
    "peers": Scene(("peers {film}", "peers {film} --output json", "peers {show}")),
    "pieces": Scene(("pieces {film}", "pieces {film} --output json", "pieces {show}")),
    "trackers": Scene(
        (
            "trackers {film}",
            "trackers add {show} http://three.example/announce",
            "trackers rm {film} udp://two.example:80 --dry-run",
            "trackers rm {show} --all --output json",
        )
    ),
    "timeline": Scene(("timeline {film}", "timeline {film} --output json")),
    "select": Scene(("select {film} --include '**/*.mkv' --skip-fluff", "select {film} --output json")),
    "edit": Scene(("edit {film} --name New --tag c", "edit {film} {show} --category x --output json")),
    "action": Scene(
        (
            "action {film} pause",
            "action {film} {show} rate --download-bps 2M --output json",
            "action --all resume",
            "action {film} explode",
        )
    ),
    "action-refused": Scene(
        ("action --all pause", "action --all pause --output json"), lambda node: _call(node.put, REFUSED)
    ),
    "rm": Scene(("rm {film} --dry-run", "rm {film} {show} --dry-run --output json", "rm {film}", "rm --all --yes")),
    "config": Scene(
        (
            "config get /engine_profile",
            "config set /engine_profile/listen_port=7000 --dry-run",
            "config set /engine_profile/listen_port=7000",
            "config set /engine_profile/nonsense=1",
            "config set /engine_profile/listen_port=1 --if-match 1",
            "config history",
            "config history --output json",
            "config rollback 7 --dry-run",
            "config rollback 99",
        )
    ),
    "labels": Scene(
        (
            "labels set tag new --max-upload-bps 1K --cleanup-ratio 2",
            "labels ls",
            "labels ls --output json",
            "labels rm tag new --dry-run",
            "labels rm tag new",
        )
    ),
    "keys": Scene(
        (
            "keys ls",
            "keys ls --output json",
            "keys issue --scope read --label dashboard --rate-limit 100/60",
            "keys rotate rk_one --grace 2h",
            "keys revoke rk_one --dry-run",
            "keys revoke rk_one",
            "keys revoke key_test",
        )
    ),
    "secrets": Scene(
        ("secrets ls", "secrets set token", "secrets rm proxy --dry-run", "secrets rm proxy --output json"),
        stdin=b"words",
    ),
    "fsops": Scene(
        (
            "fsops ls",
            "fsops ls --output json",
            "fsops show {film}",
            "fsops plan {film}",
            "fsops cancel {film}",
            "fsops retry {film}",
            "fsops pause",
        )
    ),
    "health": Scene(("health", "health --output json", "health --live", "health --live --output json")),
    "health-down": Scene(("health",), lambda node: setattr(node, "health", Answer(503, {"status": "down"}))),
    "metrics": Scene(("metrics", "metrics --output json")),
    "factory-reset": Scene(("factory-reset", "factory-reset --dry-run", "factory-reset --dry-run --output json")),
    "tail": Scene(("tail --count 3",), _events),
    "tail-json": Scene(("tail --count 3 --output json",), _events),
    "problem-pointers": Scene(("ls",), _next(REFUSAL)),
    "problem-said-once": Scene(("ls",), _next(ONCE)),
    "problem-key": Scene(("--api-key a:b ls",)),
    "problem-busy": Scene(("ls",), _next(BUSY)),
    "problem-away": Scene(("ls",), _next(AWAY)),
    "problem-nonsense": Scene(("ls",), _next(Answer(200, b"<html>", "text/html"))),
    "problem-id": Scene(("status ffff", "status zz", "status 0")),
    "problem-setup": Scene(("ls",), lambda node: setattr(node, "mode", "setup")),
    "usage": Scene(("explode", "lss", "ls --limit 0", "add", "--output yaml ls", "rm", "keys", "tail --since x")),
}
"""By the name of the file."""


def _call(function: Callable[[str], object], argument: str) -> None:
    function(argument)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Walk every command and every group, by its whole name; `revaer` is the root."""
    yield "revaer", cli
    for name in COMMANDS:
        yield from _below(f"revaer {name}", load_command(name))


def _below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for step, inner in command.commands.items():
            yield from _below(f"{name} {step}", inner)


def helps() -> str:
    """Write the help of every command, as one reads it at a terminal of 100 columns."""
    with _surroundings():
        return "\n".join(_told(" ".join([*name.split()[1:], "--help"]), [], b"") for name, _command in commands())


def played(scene: Scene) -> str:
    """Run a scene and write down what a person sees, with the exit code of each line."""
    made = node()
    film, show = list(made.torrents)
    scene.twist(made)
    with in_thread(made) as fake, _surroundings():
        lead = ["--api-url", fake.url, "--api-key", KEY, "--timeout", "5"]
        lines = [line.replace("{film}", film).replace("{show}", show) for line in scene.lines]
        told = "\n".join(_told(line, lead, scene.stdin) for line in lines)
    return _constant(told.replace(fake.url, "http://node"))


def _told(line: str, lead: list[str], stdin: bytes) -> str:
    """Run one line; what went to standard error is marked."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([*lead, *shlex.split(line)])
    finally:
        sys.stdin = before
    said = "".join(f"! {one}".rstrip() + "\n" for one in err.getvalue().splitlines())
    return f"$ revaer {line}\n{out.getvalue()}{said}[{code}]\n"


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """An empty directory, nobody's settings, and a terminal of a known width."""
    kept, here = dict(os.environ), Path.cwd()
    with tempfile.TemporaryDirectory() as empty:
        for name in [name for name in os.environ if name.startswith("REVAER_")]:
            del os.environ[name]
        os.environ.update(COLUMNS=str(WIDTH), XDG_DATA_HOME=empty, HOME=empty)
        os.chdir(empty)
        try:
            yield
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(kept)


def _constant(text: str) -> str:
    """Put a word for the request id that each invocation makes."""
    return re.sub(r"(request id: )[0-9a-f-]{36}", r"\1<request id>", text)


def write() -> None:
    """Write every snapshot anew."""
    PLACE.mkdir(exist_ok=True)
    for old in PLACE.glob("*.txt"):
        old.unlink()
    (PLACE / "help.txt").write_text(helps())
    for name, scene in SCENES.items():
        (PLACE / f"{name}.txt").write_text(played(scene))


if __name__ == "__main__":
    write()
