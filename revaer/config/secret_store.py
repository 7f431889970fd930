"""Secrets: sealed on their way into the database, opened only for who uses them, sealed anew under another key.

A rotation has three steps, and is finished by the next start from wherever it was interrupted:

1. the new key is added to the key file, below the old one: from here on both open, the new one seals;
2. every secret is sealed with the new key, in one transaction;
3. when nothing needs the old key any more, the node's own copy included, it leaves the key file.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import structlog

from revaer.config import queries
from revaer.config.key_file import KeyPlace
from revaer.config.messages import SecretsUnavailable, UnknownSecret
from revaer.config.state import SecretRecord, State
from revaer.config.store import Edit, Write
from revaer.config.troubles import Troubles
from revaer.config.work import Lane
from revaer.database.messages import Transaction
from revaer.security.messages import Cipher, EncryptionKey, SecretUnreadable, SecurityError

log = structlog.get_logger("revaer.config")

_FILE: Final = "key_file"
_LOST: Final = "secrets"


class SecretStore:
    """Seals and opens secrets with the keys of the key file.

    Args:
        place: where the keys are.
        lane: where files are touched.
        troubles: told of a refused key file and of secrets that cannot be opened.
    """

    def __init__(self, place: KeyPlace, lane: Lane, troubles: Troubles) -> None:
        self._place = place
        self._lane = lane
        self._troubles = troubles
        self._cipher: Cipher | None = None
        self._refusal = "the key file was not read yet"

    @property
    def is_loaded(self) -> bool:
        """Whether the key file was read, and is in order as far as is known."""
        return self._cipher is not None and _FILE not in self._troubles

    @property
    def is_rotating(self) -> bool:
        """Whether a rotation was begun and not finished."""
        return self._cipher is not None and len(self._cipher.keys) > 1

    async def load(self) -> None:
        """Read the key file. One that is refused is a trouble, not an error; keys that were read before go on."""
        try:
            self._cipher = Cipher(await self._lane.run(self._place.load))
        except SecurityError as error:
            self._refusal = str(error)
            self._troubles.add(_FILE, f"secrets cannot be used: {error}")
        else:
            self._troubles.clear(_FILE)

    def survey(self, secrets: Mapping[str, SecretRecord]) -> None:
        """Look which secrets in force can be opened, and tell of the others."""
        if self._cipher is None:
            return
        lost = sorted(name for name, record in secrets.items() if not self._cipher.fits(record.envelope))
        reason = f"secrets whose encryption key is lost; set them again: {', '.join(lost)}" if lost else None
        self._troubles.put(_LOST, reason)

    def writes(self, changes: Mapping[str, str | None]) -> tuple[Write, ...]:
        """Return the statements that set and remove secrets.

        Raises:
            SecretsUnavailable: there is no key to seal with.
        """
        removed = [name for name, value in changes.items() if value is None]
        given = {name: value for name, value in changes.items() if value is not None}
        writes = [Write(queries.DROP_SECRETS, (removed,))] if removed else []
        if given:
            cipher = self._require()
            envelopes = [cipher.seal(name, value) for name, value in given.items()]
            writes.append(Write(queries.PUT_SECRETS, (list(given), envelopes)))
        return tuple(writes)

    def read(self, secrets: Mapping[str, SecretRecord], name: str) -> str:
        """Return a secret in clear.

        Raises:
            UnknownSecret: there is none of this name.
            SecretsUnavailable: it cannot be opened.
        """
        record = secrets.get(name)
        if record is None:
            raise UnknownSecret(name)
        try:
            return self._require().open(name, record.envelope)
        except SecretUnreadable as error:
            raise SecretsUnavailable(str(error)) from None

    async def begin_rotation(self) -> None:
        """Add a new key to the key file. One that was added before is taken up again.

        Raises:
            SecretsUnavailable: the key file is refused or cannot be written; the old key goes on.
        """
        if not self.is_loaded:
            await self.load()
        cipher = self._require()
        if self.is_rotating:
            return
        keys = [*cipher.keys, EncryptionKey.generate()]
        try:
            await self._lane.run(partial(self._place.save, keys))
        except OSError as error:
            await self.load()  # the new keys may be there nevertheless
            raise SecretsUnavailable(f"the key file cannot be written: {error.strerror}") from error
        self._cipher = Cipher(keys)

    async def reseal(self, state: State, transaction: Transaction) -> Edit:
        """Decide to seal every secret with the newest key.

        Raises:
            SecretsUnavailable: one of them cannot be opened.
        """
        del transaction
        names = list(state.secrets)
        sealed = await self._lane.run(self._resealed, state.secrets)
        writes = (Write(queries.RESEAL_SECRETS, (names, sealed)),) if names else ()
        return Edit("rotate_encryption_key", writes=writes, always=True)

    def needs_resealing(self, state: State) -> bool:
        """Tell whether another key than the newest sealed a secret."""
        cipher = self._require()
        return not all(cipher.is_current(record.envelope) for record in state.secrets.values())

    async def end_rotation(self) -> bool:
        """Drop all keys but the newest. Call it when nothing that is stored needs them.

        Returns:
            False when the key file cannot be written: the old keys stay, which does no harm.
        """
        newest = self._require().newest
        try:
            await self._lane.run(partial(self._place.save, [newest]))
        except OSError as error:
            log.warning("encryption_key_kept", reason=error.strerror)
            return False
        self._cipher = Cipher([newest])
        log.info("encryption_key_rotated")
        return True

    def _resealed(self, secrets: Mapping[str, SecretRecord]) -> list[bytes]:
        cipher = self._require()
        return [cipher.seal(name, self.read(secrets, name)) for name in secrets]

    def _require(self) -> Cipher:
        if self._cipher is None:
            raise SecretsUnavailable(self._refusal)
        return self._cipher
