"""Multipart forms, read as they arrive: a `.torrent` and what is asked of it.

Nothing is kept beyond the limits: a file that grows too large is refused in the middle of the upload. One piece of the
body at a time is looked at, so the event loop is never held up for longer than that takes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData, State

from revaer.api.errors import BodyTooLarge, InvalidBody, InvalidParam, MalformedRequest
from revaer.api.settings import JSON_BYTES, JSON_KEY_CHARS, METAINFO_BYTES, MULTIPART_BYTES, OFF_LOOP_BYTES

if TYPE_CHECKING:
    from revaer.api.call import Call

FORM_TYPE: Final = "multipart/form-data"
FILE_FIELD: Final = "metainfo"
OPTIONS_FIELD: Final = "options"
MAX_PARTS: Final = 1200
PIECE_BYTES: Final = 64 * 1024
"""How much of a body is looked at at once."""

_BOUNDARY_CHARS: Final = 70
_PADDING_BYTES: Final = 128
_PENDING_BYTES: Final = 4 * PIECE_BYTES
"""What may wait for the rest of it: the head of a part, or something that looks like the boundary."""

_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form: its text fields, in order, and the contents of its one file."""

    fields: tuple[tuple[str, str], ...]
    file: bytes | None

    @property
    def is_large(self) -> bool:
        """Whether looking at all of it would hold the event loop up."""
        return len(self.file or b"") + sum(len(text) for _, text in self.fields) > OFF_LOOP_BYTES

    def digest(self) -> bytes:
        """Return the same for equal forms, whatever their boundary was."""
        found = hashlib.sha256()
        for name, text in self.fields:
            for part in (name.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")):
                found.update(b"%d:" % len(part))
                found.update(part)
        if self.file is not None:
            found.update(b"file:%d:" % len(self.file))
            found.update(self.file)
        return found.digest()


async def read_form(call: Call) -> Form:
    """Read the form that a call brings; once, however often it is asked for.

    Raises:
        MalformedRequest, BodyTooLarge: as `FormReader`.
        CodingRefused: it is compressed.
        ClientGone: the client left.
    """
    if call.form is None:
        reader = FormReader(call.headers.get("content-type", ""))
        await call.feed_body(reader.feed, MULTIPART_BYTES)
        call.form = reader.finish()
    return call.form


class FormReader:
    """Reads one form, piece by piece.

    Args:
        content_type: the value of the header.

    Raises:
        MalformedRequest: the header names no boundary.
    """

    def __init__(self, content_type: str) -> None:
        boundary = parse_options_header(content_type)[1].get("boundary", "")
        if not boundary or len(boundary) > _BOUNDARY_CHARS or not boundary.isascii():
            raise MalformedRequest("the content type of a multipart body names its boundary")
        self._decoder = MultipartDecoder(boundary.encode(), _PENDING_BYTES, max_parts=MAX_PARTS)
        self._lines = _WholeBoundaries(boundary.encode())
        self._fields: list[tuple[str, bytearray]] = []
        self._file: bytearray | None = None
        self._part: bytearray | None = None
        self._text_bytes = 0
        self._is_whole = False

    def feed(self, piece: bytes) -> None:
        """Take a piece of the body in.

        Raises:
            MalformedRequest: the form is broken, or has several files.
            BodyTooLarge: a part of it is larger than it may be.
        """
        for start in range(0, len(piece), PIECE_BYTES):
            if self._decoder.state is State.EPILOGUE:
                return  # what follows the end of a form is no part of it (RFC 2046)
            self._take(self._lines.pass_on(piece[start : start + PIECE_BYTES]))

    def finish(self) -> Form:
        """Return the form, now that the body has ended.

        Raises:
            MalformedRequest: it is cut off, or has a field that is not UTF-8.
            InvalidBody: its file is empty.
        """
        self._take(self._lines.rest())
        self._take(None)
        if not self._is_whole:
            raise MalformedRequest("the form is cut off")
        if self._file is not None and not self._file:
            raise InvalidBody([InvalidParam(f"/{FILE_FIELD}", "must not be empty")])
        fields = tuple((name, _text(name, content)) for name, content in self._fields)
        return Form(fields, None if self._file is None else bytes(self._file))

    def _take(self, piece: bytes | None) -> None:
        try:
            self._decoder.receive_data(piece)
            while not self._is_whole:
                event = self._decoder.next_event()
                if isinstance(event, NeedData):
                    return
                self._note(event)
        except RequestEntityTooLarge as error:
            detail = f"the form has a part with an endless head, or more than {MAX_PARTS} parts"
            raise MalformedRequest(detail) from error
        except (ValueError, IndexError, AttributeError) as error:
            problem = "broken" if piece is not None else "cut off"
            raise MalformedRequest(f"the form is {problem}") from error

    def _note(self, event: object) -> None:
        match event:
            case File(name=name) if name != OPTIONS_FIELD:
                self._begin_file()
            case Field(name=name) if name == FILE_FIELD:
                self._begin_file()
            case Field(name=name) | File(name=name):
                self._begin_field(name)
            case Data(data=data):
                self._add(data)
            case Epilogue():
                self._is_whole = True
            case _:
                return

    def _begin_file(self) -> None:
        if self._file is not None:
            raise MalformedRequest("the form has more than one file")
        self._file = self._part = bytearray()

    def _begin_field(self, name: str | None) -> None:
        if not name or len(name) > JSON_KEY_CHARS:
            raise MalformedRequest("a part of the form has no name, or an endless one")
        self._part = bytearray()
        self._fields.append((name, self._part))

    def _add(self, data: bytes) -> None:
        assert self._part is not None
        self._part += data
        if self._part is self._file:
            if len(self._part) > METAINFO_BYTES:
                raise BodyTooLarge("a .torrent file", METAINFO_BYTES, pointer=f"/{FILE_FIELD}")
            return
        self._text_bytes += len(data)
        if self._text_bytes > JSON_BYTES:
            raise BodyTooLarge("the text of a form", JSON_BYTES)


class _WholeBoundaries:
    """Hands a body on so that no piece ends in the line of a boundary.

    The decoder takes the beginning of such a line for contents where a piece ends right behind the boundary's text.

    Args:
        boundary: the text of the boundary.
    """

    def __init__(self, boundary: bytes) -> None:
        self._line = b"--" + boundary
        self._held = b""
        self._is_line_start = True

    def pass_on(self, piece: bytes) -> bytes:
        """Return what may be looked at, now that this piece arrived too."""
        data = self._held + piece
        last_break = max(data.rfind(b"\n"), data.rfind(b"\r"))
        self._held = b""
        if last_break >= 0 or self._is_line_start:
            begun = data[last_break + 1 :]
            if self._may_be_boundary(begun):
                self._held = begun
            self._is_line_start = not begun or bool(self._held)
        return data[: len(data) - len(self._held)]

    def rest(self) -> bytes:
        """Return what was held back, now that the body has ended."""
        return self._held

    def _may_be_boundary(self, line: bytes) -> bool:
        """Tell whether a line that is not whole may become that of a boundary, which may end in blanks."""
        if len(line) <= len(self._line):
            return self._line.startswith(line)
        return line.startswith(self._line) and len(line) <= len(self._line) + _PADDING_BYTES


def _text(name: str, content: bytearray) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"the form's field {name[:_SHOWN]!r} is not UTF-8") from error
