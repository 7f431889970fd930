"""The public surface with many torrents: answers, lists, snapshots, subscribers, replay, and durable bulk adds."""

from __future__ import annotations

import sys

import trio

from tests.bench.answering import measure_answering
from tests.bench.bulk import GOAL_SECONDS, PORTION, add_all_in_bulk
from tests.bench.fanout import SUBSCRIBERS, measure_fanout
from tests.bench.options import Options
from tests.bench.reading import measure_reading
from tests.bench.replaying import fill_journal, measure_replay
from tests.bench.report import Report
from tests.bench.scale import CHANGING, CONNECTIONS, make_torrents, until_running
from tests.support.daemon import Daemon
from tests.support.watching import until_loaded


async def measure_api(options: Options) -> Report:
    """Run every stage on one data directory, the daemon started anew for each."""
    conditions = {"torrents": options.torrents, "connections": CONNECTIONS, "subscribers": SUBSCRIBERS}
    report = Report("api", conditions)
    torrents = await trio.to_thread.run_sync(make_torrents, options)
    node = Daemon(options.folder / "node", variables={"REVAER_LOG_LEVEL": "warning"})
    program = node.program
    try:
        seconds = await add_all_in_bulk(report, node, torrents)
        goal = GOAL_SECONDS * options.torrents / 10_000
        report.tell("durable bulk adds of all", seconds, "s", target=goal, note=f"{PORTION} with each request")
        await measure_answering(report, node, options)
        keys = [row["id"] for row in await node.api.all()]
        await fill_journal(report, node, len(keys))
        assert await node.stop() == 0
        await measure_replay(report, node, len(keys))
        assert await node.stop() == 0
        node.program = [sys.executable, str(CHANGING)]
        await node.start()
        await until_loaded(node, within=60)
        await until_running(node)
        await measure_reading(report, node, keys, options)
        assert await node.stop() == 0
        await measure_fanout(report, node, options)
        node.program = program
    finally:
        await node.close()
    return report
