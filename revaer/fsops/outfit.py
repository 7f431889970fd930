"""The real forms of the ports: archives and PAR2 sets with the tools of this node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from revaer.fsops import par2
from revaer.fsops.archives.extract import extract_all
from revaer.fsops.errors import Refused
from revaer.fsops.ports import Par2Set, Tools
from revaer.fsops.tools import ToolBox
from revaer.fsops.types import Extraction, Limits
from revaer.fsops.volumes import reserve_at
from revaer.selection.messages import SelectFunction

Reserve: TypeAlias = Callable[[Path], int]


class NodeExtractor:
    """Extracts archives with the tools of this node.

    Args:
        tools: The tools.
        reserve: Tells how many bytes must stay free on the volume that a directory is on.
    """

    def __init__(self, tools: ToolBox, reserve: Reserve) -> None:
        self._tools = tools
        self._reserve = reserve

    def extract_all(
        self,
        root: Path,
        into: Path,
        limits: Limits,
        passwords: Sequence[str],
        *,
        files: Sequence[str],
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> Extraction:
        """Extract every archive; see `Extractor.extract_all`."""
        return extract_all(
            root,
            into,
            limits,
            passwords,
            self._tools,
            on_progress=on_progress,
            cancelled=cancelled,
            files=files,
            reserve=self._reserve(into),
        )


class NodePar2:
    """Verifies PAR2 sets, and repairs with the tool of this node.

    Args:
        tools: The tools.
        reserve: Tells how many bytes must stay free on the volume that a directory is on.
    """

    def __init__(self, tools: ToolBox, reserve: Reserve) -> None:
        self._tools = tools
        self._reserve = reserve

    def verify(
        self,
        root: Path,
        files: Sequence[str],
        *,
        timeout: float,
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> tuple[Par2Set, ...]:
        """Verify every set; see `Par2.verify`."""
        watch = par2.Watch(timeout, cancelled, on_progress)
        given = frozenset(files)
        found = []
        for each in par2.find_sets(files):
            state = par2.verify(root, each, watch, given)
            damaged = [path for path in (*state.damaged, *state.missing) if path in given]
            found.append(
                Par2Set(each.index, tuple(damaged), tuple(path for path in state.missing if path not in given))
            )
        return tuple(found)

    def repair(
        self,
        root: Path,
        into: Path,
        found: Par2Set,
        files: Sequence[str],
        *,
        timeout: float,
        on_progress: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """Repair one set; see `Par2.repair`."""
        watch = par2.Watch(timeout, cancelled, on_progress, self._reserve(into))
        chosen = next((each for each in par2.find_sets(files) if each.index == found.index), None)
        if chosen is None:
            raise Refused("the PAR2 set is not there any more", path=found.index)
        par2.repair(root, into, chosen, self._tools, watch, frozenset(files))


def node_tools(tools: ToolBox, select: SelectFunction, *, reserve: Reserve = reserve_at) -> Tools:
    """Return everything that jobs use on this node.

    Args:
        tools: Finds external tools.
        select: The one matcher of patterns.
        reserve: Tells how many bytes must stay free on the volume that a directory is on.
    """
    return Tools(NodeExtractor(tools, reserve), NodePar2(tools, reserve), select)
