"""Secrets encrypted at rest: AES-256-GCM, with the secret's name bound to its ciphertext.

An envelope is: version (1 byte), id of the key (8), nonce (12), ciphertext with tag. Version, key id and name are
authenticated, so an envelope neither changes unnoticed nor opens under another name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from revaer.security.errors import KeyTextInvalid, SecretUnreadable

KEY_BYTES: Final = 32

_VERSION: Final = b"\x01"
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_HEAD: Final = len(_VERSION) + _ID_BYTES
_LEAST: Final = _HEAD + _NONCE_BYTES + _TAG_BYTES


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A key for secrets. Its representation hides it.

    Attributes:
        material: 32 bytes.
    """

    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) != KEY_BYTES:
            raise KeyTextInvalid(f"an encryption key has {KEY_BYTES} bytes")

    @property
    def key_id(self) -> bytes:
        """Eight bytes that name the key and tell nothing of it."""
        return hashlib.sha256(b"revaer encryption key\x00" + self.material).digest()[:_ID_BYTES]

    @classmethod
    def generate(cls) -> Self:
        """Make a key from the system's randomness."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key written in base64 or as 64 hexadecimal digits.

        Raises:
            KeyTextInvalid: it is neither. The message does not hold the text.
        """
        try:
            if len(text) == 2 * KEY_BYTES:
                return cls(bytes.fromhex(text))
            return cls(base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True))
        except (ValueError, binascii.Error):
            raise KeyTextInvalid(f"an encryption key is {KEY_BYTES} bytes in base64 or hexadecimal") from None

    def text(self) -> str:
        """Write the key in base64."""
        return base64.b64encode(self.material).decode()


class Cipher:
    """Seals with the newest of its keys, and opens what any of them sealed.

    Args:
        keys: at least one, the newest last.
    """

    def __init__(self, keys: Iterable[EncryptionKey]) -> None:
        self._keys = {key.key_id: key for key in keys}
        if not self._keys:
            raise KeyTextInvalid("there is no encryption key")

    @property
    def newest(self) -> EncryptionKey:
        """The key that seals."""
        return tuple(self._keys.values())[-1]

    @property
    def keys(self) -> tuple[EncryptionKey, ...]:
        """Every key, the newest last."""
        return tuple(self._keys.values())

    def seal(self, name: str, clear: str) -> bytes:
        """Encrypt a secret for storage under its name."""
        head = _VERSION + self.newest.key_id
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self.newest.material).encrypt(nonce, clear.encode("utf-8", "surrogatepass"), _bound(head, name))
        return head + nonce + sealed

    def open(self, name: str, envelope: bytes) -> str:
        """Decrypt a secret.

        Raises:
            SecretUnreadable: its key is missing, or the envelope is damaged or belongs to another name.
        """
        if len(envelope) < _LEAST or not envelope.startswith(_VERSION):
            raise SecretUnreadable(name, "its envelope is damaged, or a newer daemon wrote it")
        head, nonce, sealed = envelope[:_HEAD], envelope[_HEAD : _HEAD + _NONCE_BYTES], envelope[_HEAD + _NONCE_BYTES :]
        key = self._keys.get(head[len(_VERSION) :])
        if key is None:
            raise SecretUnreadable(name, "its encryption key is not in the key file")
        try:
            return AESGCM(key.material).decrypt(nonce, sealed, _bound(head, name)).decode("utf-8", "surrogatepass")
        except InvalidTag:
            raise SecretUnreadable(name, "its envelope is damaged") from None

    def fits(self, envelope: bytes) -> bool:
        """Tell whether one of the keys sealed an envelope, as far as that can be told without opening it."""
        return envelope.startswith(_VERSION) and envelope[len(_VERSION) : _HEAD] in self._keys

    def is_current(self, envelope: bytes) -> bool:
        """Tell whether the newest key sealed an envelope."""
        return envelope.startswith(_VERSION + self.newest.key_id)


def _bound(head: bytes, name: str) -> bytes:
    return head + name.encode("utf-8", "surrogatepass")
