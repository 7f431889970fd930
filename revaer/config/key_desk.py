"""What is done with API keys: issued, given another secret, ended."""

from __future__ import annotations

import structlog

from revaer.config import keyring
from revaer.config.keyring import facts_of
from revaer.config.messages import IssuedKey, IssueKey, RevokeKey, RotateKey
from revaer.config.steward import Steward
from revaer.config.store import Order
from revaer.config.work import Lane
from revaer.security.messages import ApiKey, generate_key, hash_secret

log = structlog.get_logger("revaer.config")


class KeyDesk:
    """Changes API keys.

    Args:
        steward: makes changes.
        lane: where hashes are computed.
    """

    def __init__(self, steward: Steward, lane: Lane) -> None:
        self._steward = steward
        self._lane = lane

    async def issue(self, message: IssueKey) -> IssuedKey:
        """Make a key; see `IssueKey`."""
        order = keyring.order_of(message)
        made = generate_key()
        key = made if message.key_id is None else ApiKey(message.key_id, made.secret)
        digest = await self._lane.run(hash_secret, key.secret)
        terms = Order(message.author, message.request_id)
        state, _ = await self._steward.change(terms, keyring.issue(order, key, digest))
        log.info("key_issued", key_id=key.key_id, scopes=sorted(order.scopes), author=message.author)
        return IssuedKey(facts_of(state, key.key_id), str(key))

    async def rotate(self, message: RotateKey) -> IssuedKey:
        """Give a key a new secret; see `RotateKey`."""
        keyring.check_grace(message)
        facts_of(self._steward.current.state, message.key_id)
        key = ApiKey(message.key_id, generate_key().secret)
        digest = await self._lane.run(hash_secret, key.secret)
        terms = Order(message.author, message.request_id)
        decide = keyring.rotate(key.key_id, digest, message.grace_seconds)
        state, _ = await self._steward.change(terms, decide)
        log.info("key_rotated", key_id=key.key_id, grace=message.grace_seconds, author=message.author)
        return IssuedKey(facts_of(state, key.key_id), str(key))

    async def revoke(self, message: RevokeKey) -> None:
        """End a key; see `RevokeKey`."""
        await self._steward.change(Order(message.author, message.request_id), keyring.revoke(message.key_id))
        log.info("key_revoked", key_id=message.key_id, author=message.author)
