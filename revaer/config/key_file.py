"""The file with the encryption keys of secrets: one per line, the newest last. Several are a rotation under way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from revaer.files import write_atomically
from revaer.security.messages import (
    EncryptionKey,
    KeyTextInvalid,
    PrivateFileRefused,
    create_private,
    read_private,
)

_LIMIT: Final = 65_536
_HEAD: Final = "# Encryption keys of this node's secrets, newest last. Without them the secrets are lost.\n"


class KeyPlace(Protocol):
    """Where encryption keys are kept. Both methods block."""

    def load(self) -> Sequence[EncryptionKey]:
        """Return the keys, the newest last; at least one.

        Raises:
            PrivateFileRefused: they cannot be read, or not in private.
            KeyTextInvalid: what is there are no keys.
        """
        ...

    def save(self, keys: Sequence[EncryptionKey]) -> None:
        """Replace the keys, durably and whole or not at all. Raises: OSError."""
        ...


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file with encryption keys that only its owner may use.

    Attributes:
        path: where it is.
        may_create: whether a missing file is made, with a new key; otherwise it is refused.
    """

    path: Path
    may_create: bool

    def load(self) -> Sequence[EncryptionKey]:
        """Return the keys; see `KeyPlace.load`."""
        content = self._content()
        try:
            return parse_keys(content.decode("ascii", "replace"))
        except KeyTextInvalid as error:
            raise KeyTextInvalid(f"{self.path} is no key file: {error}") from None

    def save(self, keys: Sequence[EncryptionKey]) -> None:
        """Replace the keys; see `KeyPlace.save`."""
        write_atomically(self.path, _written(keys))

    def _content(self) -> bytes:
        content = read_private(self.path, limit=_LIMIT)
        if content is None and self.may_create:
            fresh = _written([EncryptionKey.generate()])
            try:
                with suppress(FileExistsError):
                    create_private(self.path, fresh)
            except OSError as error:
                raise PrivateFileRefused(f"{self.path} cannot be made: {error.strerror}") from error
            content = read_private(self.path, limit=_LIMIT)
        if content is None:
            raise PrivateFileRefused(f"{self.path} does not exist")
        return content


def parse_keys(text: str) -> tuple[EncryptionKey, ...]:
    """Read keys, one per line; empty lines and lines with `#` first are passed over.

    Raises:
        KeyTextInvalid: there is none, or a line is no key. The message names the line by number only.
    """
    keys: list[EncryptionKey] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            keys.append(EncryptionKey.parse(line.strip()))
        except KeyTextInvalid as error:
            raise KeyTextInvalid(f"line {number}: {error}") from None
    if not keys:
        raise KeyTextInvalid("it holds no key")
    return tuple(keys)


def _written(keys: Iterable[EncryptionKey]) -> bytes:
    return (_HEAD + "".join(f"{key.text()}\n" for key in keys)).encode()
