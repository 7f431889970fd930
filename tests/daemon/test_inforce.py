"""The configuration in force is the newest, whichever of its translations ends last."""

from __future__ import annotations

from typing import Any, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import ActorRef, Bus
from revaer.config.messages import ConfigMessage, ConfigSnapshot
from revaer.config.surroundings import Defaults
from revaer.daemon.inforce import InForce
from tests.daemon.played_config import Played

PROXY = {"kind": "http", "host": "p.example", "port": 80, "username_secret": "name"}


class Answers:
    """Tells secrets when a test wants it to."""

    def __init__(self) -> None:
        self.waiting: list[trio.Event] = []

    async def ask(self, _request: object, *, within: float) -> str:
        self.waiting.append(told := trio.Event())
        with trio.fail_after(within):
            await told.wait()
        return "joan"


def proxied(played: Played, port: int) -> ConfigSnapshot:
    return played.put({"engine_profile": {"listen_port": port, "tracker": {"proxy": PROXY}}})


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in turn", "the older last"])
async def test_an_older_configuration_never_takes_the_place_of_a_newer(order: tuple[int, int]) -> None:
    played, answers = Played(Bus(), Defaults("/downloads", "/resume", "/library")), Answers()
    played.activate()
    in_force = InForce(cast("ActorRef[ConfigMessage]", cast("Any", answers)))

    async with trio.open_nursery() as nursery:
        for port in (6001, 6002):
            nursery.start_soon(in_force.adopt, proxied(played, port))
            await wait_all_tasks_blocked()
        for number in order:
            answers.waiting[number].set()
            await wait_all_tasks_blocked()

    assert [place.rpartition(":")[2] for place in in_force.engine.listen] == ["6002"] * len(in_force.engine.listen)
    assert not in_force.engine.offline
