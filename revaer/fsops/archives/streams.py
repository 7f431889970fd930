"""A tar file as a stream that is read once from begin to end, compressed or not."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from revaer.fsops.archives.decoders import DECODER_ERRORS, STREAMS, Decoder
from revaer.fsops.archives.detect import Kind
from revaer.fsops.archives.errors import BadArchive
from revaer.fsops.archives.guard import Guard
from revaer.fsops.archives.output import Output
from revaer.fsops.archives.sources import CHUNK, Source

MAX_HEADER: Final = 1 << 20
"""Bytes of the longest extended header; real ones have a few hundred."""

_INPUT_BYTES: Final = 128 * 1024
_OUTPUT_BYTES: Final = 512 * 1024
_COPY_BYTES: Final = 8 * CHUNK


class TarStream(ABC):
    """What `tarfile` reads headers from, and members' content is copied from. Goes only forward."""

    @abstractmethod
    def read(self, size: int = -1, /) -> bytes:
        """Read a header. Raises BadArchive when it is too long."""

    @abstractmethod
    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go forward to a place."""

    @abstractmethod
    def tell(self) -> int:
        """Return the position."""

    @abstractmethod
    def copy(self, output: Output, size: int) -> None:
        """Write bytes from the present position to a file. Raises BadArchive when there are fewer."""

    @abstractmethod
    def finish(self) -> None:
        """Read to the end, where the checksum is. Raises BadArchive."""


def open_stream(kind: Kind, source: Source, guard: Guard) -> TarStream:
    """Return the stream of a tar file.

    Args:
        kind: Of which compression it is.
        source: The volumes.
        guard: The budget; what is copied is counted.
    """
    return _Plain(source, guard) if kind is Kind.TAR else _Inflated(source, guard, STREAMS[kind])


class _Plain(TarStream):
    """An uncompressed tar file; its content is copied by the kernel."""

    def __init__(self, source: Source, guard: Guard) -> None:
        self._source = source
        self._guard = guard

    def read(self, size: int = -1, /) -> bytes:
        return self._source.read(_bounded(size))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def copy(self, output: Output, size: int) -> None:
        position = self._source.tell()
        end = position + size
        while position < end:
            descriptor, inner, available = self._source.locate(position)
            if not available:
                raise BadArchive("the archive is truncated")
            count = output.copy(descriptor, inner, min(end - position, available, _COPY_BYTES))
            if not count:
                raise BadArchive("the archive is truncated")
            self._guard.written(count)
            position += count
        self._source.seek(end)

    def finish(self) -> None:
        """There is no checksum at the end."""


class _Inflated(TarStream):
    """A compressed tar file, of one stream or several in a row."""

    def __init__(self, source: Source, guard: Guard, make_decoder: Callable[[], Decoder]) -> None:
        self._source = source
        self._guard = guard
        self._make_decoder = make_decoder
        self._decoder = make_decoder()
        self._piece = memoryview(b"")
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        wanted = _bounded(size)
        if len(self._piece) >= wanted:
            return bytes(self._take(wanted))
        parts = []
        while wanted and self._fill():
            part = bytes(self._take(wanted))
            wanted -= len(part)
            parts.append(part)
        return b"".join(parts)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence != os.SEEK_SET or offset < self._position:
            raise OSError(errno.EINVAL, "a compressed stream goes only forward")
        skipped = 0
        while self._position < offset and self._fill():
            skipped += len(self._take(offset - self._position))
            self._guard.announced(skipped)
        return self._position

    def tell(self) -> int:
        return self._position

    def copy(self, output: Output, size: int) -> None:
        while size:
            if not self._fill():
                raise BadArchive("the archive is truncated")
            piece = self._take(size)
            size -= len(piece)
            output.write(piece)
            self._guard.written(len(piece))

    def finish(self) -> None:
        rest = 0
        while self._fill():
            rest += len(self._take(len(self._piece)))
            self._guard.announced(rest)

    def _take(self, size: int) -> memoryview:
        piece = self._piece[:size]
        self._piece = self._piece[size:]
        self._position += len(piece)
        return piece

    def _fill(self) -> bool:
        """Have something decompressed at hand; false at the end."""
        while not self._piece:
            if self._decoder.eof:
                if not self._next_stream():
                    return False
                continue
            data = self._source.read(_INPUT_BYTES) if self._decoder.needs_input else b""
            if not data and self._decoder.needs_input:
                raise BadArchive("the archive is truncated")
            self._piece = memoryview(self._decode(data))
            self._guard.written(0)
        return True

    def _next_stream(self) -> bool:
        """Begin the stream after the one that ended; zeros and nothing at all are the end."""
        rest = self._decoder.unused_data or self._source.read(_INPUT_BYTES)
        if not rest:
            return False
        while not (stripped := rest.lstrip(b"\0")):
            rest = self._source.read(_INPUT_BYTES)
            if not rest:
                return False
        self._guard.written(0)
        self._decoder = self._make_decoder()
        self._piece = memoryview(self._decode(stripped))
        return True

    def _decode(self, data: bytes) -> bytes:
        try:
            return self._decoder.decompress(data, _OUTPUT_BYTES)
        except MemoryError as error:
            raise BadArchive("the archive wants too much memory") from error
        except DECODER_ERRORS as error:
            raise BadArchive(f"the archive is damaged: {error}") from error


def _bounded(size: int) -> int:
    if not 0 <= size <= MAX_HEADER:
        raise BadArchive("the archive has a header of an absurd size")
    return size
