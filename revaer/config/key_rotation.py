"""The rotation of the encryption key, from whatever step it was left at; see `secret_store`."""

from __future__ import annotations

from typing import Final

import trio

from revaer.config.local_copy import LocalCopy
from revaer.config.messages import ConfigRefusal, RotatedEncryption, RotateEncryptionKey
from revaer.config.secret_store import SecretStore
from revaer.config.steward import Steward
from revaer.config.store import Order
from revaer.config.troubles import Troubles

_COPY_SECONDS: Final = 5.0
_TROUBLE: Final = "rotation"


class KeyRotation:
    """Rotates, and finishes what was interrupted.

    Args:
        steward: makes changes.
        copy: the node's own copy: it must have the newly sealed secrets before the old key goes.
        secrets: seals.
        troubles: told what stands in the way of finishing.
    """

    def __init__(self, *, steward: Steward, copy: LocalCopy, secrets: SecretStore, troubles: Troubles) -> None:
        self._steward = steward
        self._copy = copy
        self._secrets = secrets
        self._troubles = troubles
        self._lock = trio.Lock()
        self._rests = False

    async def rotate(self, message: RotateEncryptionKey) -> RotatedEncryption:
        """Seal all secrets with a new key; see `RotateEncryptionKey`."""
        async with self._lock:
            await self._secrets.begin_rotation()
            order = Order(message.author, message.request_id)
            state, _ = await self._steward.change(order, self._secrets.reseal)
            await self._end()
        return RotatedEncryption(len(state.secrets))

    async def finish(self) -> None:
        """Finish a rotation that was interrupted. Without one, and while one is under way, it does nothing.

        A key file that cannot be written is left alone until the next start: the operator's own may list several keys.
        """
        if self._rests or not self._secrets.is_rotating or self._lock.locked():
            return
        async with self._lock:
            try:
                if self._secrets.needs_resealing(self._steward.current.state):
                    await self._steward.change(Order("revaer"), self._secrets.reseal)
            except ConfigRefusal as error:
                self._troubles.add(_TROUBLE, f"the rotation of the encryption key is not finished: {error}")
                return
            self._troubles.clear(_TROUBLE)
            await self._end()

    async def _end(self) -> None:
        """Forget the old key when neither the database nor the copy of this node needs it any more."""
        with trio.move_on_after(_COPY_SECONDS) as waiting:
            await self._copy.settled()
        if not waiting.cancelled_caught and not self._secrets.needs_resealing(self._steward.current.state):
            self._rests = not await self._secrets.end_rotation()
