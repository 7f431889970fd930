"""A disk in memory that forgets at a crash what nobody made durable, in the least convenient way.

Contents not synced may be there in any part. Names not synced may have changed or not, each by itself. What was synced
stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


class Crash(Exception):
    """The power went out."""


@dataclass(eq=False)
class _Inode:
    content: bytes = b""
    durable: bytes | None = None


@dataclass
class _NameChange:
    kind: Literal["put", "drop"]
    name: str
    inode: _Inode | None = None


@dataclass
class SimulatedDisk:
    """A disk of one directory.

    `crash_at` is the number of the call, from 1, that the power does not survive.
    """

    crash_at: int = 0
    calls: int = 0
    _durable: dict[str, _Inode] = field(default_factory=dict)
    _present: dict[str, _Inode] = field(default_factory=dict)
    _changes: list[_NameChange] = field(default_factory=list)
    _open: dict[int, _Inode] = field(default_factory=dict)

    def crash(self, *, kept: Callable[[], bool], partly: Callable[[int], int]) -> SimulatedDisk:
        """Return the disk as the next start finds it.

        `partly` decides for a content of some length how much of it survives, `kept` decides whether an unsynced change
        of a name does.
        """
        names = dict(self._durable)
        for change in self._changes:
            if not kept():
                continue
            if change.kind == "put" and change.inode is not None:
                names[change.name] = change.inode
            else:
                names.pop(change.name, None)
        after = SimulatedDisk()
        for name, inode in names.items():
            content = inode.durable if inode.durable is not None else inode.content[: partly(len(inode.content))]
            after._durable[name] = _Inode(content, content)
        after._present = dict(after._durable)
        return after

    def make(self, directory: str) -> None:
        self._step()

    def names(self, directory: str = "") -> list[str]:
        self._step()
        return list(self._present)

    def head(self, name: str, length: int) -> tuple[bytes, int]:
        content = self.read(name)
        return content[:length], len(content)

    def read(self, name: str) -> bytes:
        self._step()
        if name not in self._present:
            raise FileNotFoundError(name)
        return self._present[name].content

    def create(self, name: str) -> int:
        self._step()
        if name in self._present:
            raise FileExistsError(name)
        inode = self._present[name] = _Inode()
        self._changes.append(_NameChange("put", name, inode))
        descriptor = self.calls
        self._open[descriptor] = inode
        return descriptor

    def write(self, descriptor: int, content: bytes) -> None:
        inode = self._open[descriptor]
        inode.content += content
        self._step()

    def sync(self, descriptor: int) -> None:
        self._step()
        self._open[descriptor].durable = self._open[descriptor].content

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]
        self._step()

    def replace(self, source: str, target: str) -> None:
        inode = self._present.pop(source)
        self._present[target] = inode
        self._changes += [_NameChange("put", target, inode), _NameChange("drop", source)]
        self._step()

    def remove(self, name: str) -> None:
        if self._present.pop(name, None) is not None:
            self._changes.append(_NameChange("drop", name))
        self._step()

    def sync_directory(self, directory: str = "") -> None:
        self._step()
        self._durable = dict(self._present)
        self._changes.clear()

    def _step(self) -> None:
        self.calls += 1
        if self.calls == self.crash_at:
            raise Crash
