"""Looks for the external tools that the policy needs; a missing one is a problem until it appears."""

from __future__ import annotations

from typing import Protocol

from actors import LaneExpired
from revaer.fsops.policy import Par2Mode, Policy
from revaer.fsops.problems import Problems
from revaer.fsops.terms import Lane
from revaer.fsops.tools import ToolName, ToolStatus


class Prober(Protocol):
    """Knows which tools there are; `revaer.fsops.tools.ToolBox` is one."""

    def probe(self) -> tuple[ToolStatus, ...]:
        """Look for every tool. Blocks."""
        ...


class ToolWatch:
    """Tells which tools are missing.

    Args:
        tools: Knows which there are.
        lane: Where they are looked for.
        problems: Told.
    """

    def __init__(self, tools: Prober, lane: Lane, problems: Problems) -> None:
        self._tools = tools
        self._lane = lane
        self._problems = problems

    async def look(self, policy: Policy, within: float) -> None:
        """Look for the tools that a policy needs.

        Args:
            policy: The policy.
            within: Seconds; what is not known by then is not told.
        """
        try:
            found = await self._lane.run(self._tools.probe, within=within)
        except LaneExpired:
            return
        needed = needed_tools(policy)
        for status in found:
            self._problems.note(f"tool {status.name}", status.problem if status.name in needed else None)


def needed_tools(policy: Policy) -> frozenset[ToolName]:
    """Return the tools that jobs may need under a policy."""
    needed = {ToolName.SEVENZIP, ToolName.RAR} if policy.extract else set()
    return frozenset(needed if policy.par2 is Par2Mode.OFF else needed | {ToolName.PAR2})
