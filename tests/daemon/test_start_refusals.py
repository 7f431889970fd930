"""A daemon that cannot start says why in one sentence, ends with the code for it, and leaves nothing behind."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, daemon
from tests.support.processes import living_below


async def refusal(node: Daemon) -> tuple[int, str]:
    """Start a daemon that must not come up; return its exit code and its last line."""
    try:
        node.spawn()
        code = await node.exited(within=20)
        assert living_below(node.data_dir) == [], "nothing is left behind"
    finally:
        await node.close()
    return code, node.log_tail(lines=1)


async def test_a_taken_port_is_named(home: Path, fresh_database_url: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        code, last = await refusal(Daemon(home / "node", port=port, database_url=fresh_database_url))

    assert code == 3
    assert f"did not start: cannot listen on 127.0.0.1:{port}" in last
    assert "taken" in last


async def test_a_taken_port_stops_the_embedded_database_again(home: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()

        code, _ = await refusal(Daemon(home / "node", port=holder.getsockname()[1]))

    assert code == 3


async def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """`/proc` refuses even root, so this holds for every user."""
    node = Daemon(Path("/proc/revaer"), log=tmp_path / "log", files=tmp_path)

    code, last = await refusal(node)

    assert code == 3
    assert "/proc/revaer" in last
    assert "--data-dir" in last


async def test_a_second_daemon_on_the_same_directory_is_refused(home: Path, fresh_database_url: str) -> None:
    async with daemon(home / "node", database_url=fresh_database_url) as first:
        second = Daemon(home / "node", database_url=fresh_database_url, log=home / "second.log", files=home / "second")
        second.spawn()
        code = await second.exited()

        assert code == 3
        assert f"process {first.pid}" in second.log_tail(lines=1)
        assert (await first.api.health())["status"] == "ok", "the first one is not disturbed"
        assert json.loads((home / "node" / "runtime.json").read_text())["pid"] == first.pid


@pytest.mark.parametrize(
    ("profile", "pointer"),
    [({"listen_port": 70_000}, "/engine_profile/listen_port"), ({"no_such": 1}, "/engine_profile/no_such")],
)
async def test_a_configuration_that_is_refused_names_the_pointer(
    tmp_path: Path, profile: dict[str, object], pointer: str
) -> None:
    node = Daemon(tmp_path / "node", profile=profile)
    node.spawn()

    assert await node.exited() == 2
    assert pointer in node.log_tail()
    assert not (tmp_path / "node").exists(), "nothing was made"


async def test_a_database_url_that_is_none_is_a_usage_error(home: Path) -> None:
    code, last = await refusal(Daemon(home / "node", database_url="mysql://localhost/revaer"))

    assert code == 2
    assert "postgresql://" in last


async def test_the_word_of_the_url_never_shows(home: Path) -> None:
    node = Daemon(home / "node", database_url="postgres://revaer:s3cret@[::1/revaer")

    code, _ = await refusal(node)

    assert code == 2
    assert "s3cret" not in node.log.read_text()
