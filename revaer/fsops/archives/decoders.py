"""One face for the decompressors: bounded output, and the end of a stream is known."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Final, Protocol

from backports import zstd

from revaer.fsops.archives.detect import Kind

DECODER_ERRORS: Final = (zlib.error, OSError, ValueError, EOFError, lzma.LZMAError, zstd.ZstdError)
"""What decompressors raise for damaged input. `bz2` raises a bare OSError."""

_MAX_MEMORY: Final = 1 << 30
_MAX_WINDOW_LOG: Final = 27


class Decoder(Protocol):
    """Decompresses one stream."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out without more input."""

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end of the stream."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Take input and return at most this many bytes of output."""


class _Zlib:
    """`zlib`, which alone leaves it to the caller to keep what it did not take."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self._tail = b""
        self._full = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not (self._tail or self._full or self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        content = self._tail + data if self._tail else data
        piece = self._inner.decompress(content, max(0, max_length))
        self._tail = self._inner.unconsumed_tail
        # Output that did not fit may wait inside while no input is left; only a further call tells.
        self._full = len(piece) == max_length
        return piece


def _zstandard() -> Decoder:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _MAX_WINDOW_LOG})


STREAMS: Final[dict[Kind, Callable[[], Decoder]]] = {
    Kind.TAR_GZ: lambda: _Zlib(31),
    Kind.TAR_BZ2: bz2.BZ2Decompressor,
    Kind.TAR_XZ: lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MAX_MEMORY),
    Kind.TAR_ZST: _zstandard,
}
"""Decompressors of tar files."""

ZIP_METHODS: Final[dict[int, Callable[[], Decoder]]] = {
    8: lambda: _Zlib(-15),
    12: bz2.BZ2Decompressor,
    93: _zstandard,
}
"""Decompressors of zip members by the format's number of the method."""
