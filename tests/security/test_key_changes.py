"""The authenticator while keys change: rotation with grace, revocation, and proofs that outlive what they need not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from revaer.security import authenticate, keys
from revaer.security.authenticate import Authenticator, Proof
from revaer.security.errors import CredentialsRefused
from revaer.security.keys import ApiKey, RateLimit, StoredKey, generate_key, hash_secret

OLD = generate_key()
NEW = ApiKey(OLD.key_id, generate_key().secret)
OTHER = generate_key()
BEFORE = StoredKey(OLD.key_id, hash_secret(OLD.secret), frozenset({"read"}), expires_at=1000.0)
AFTER = replace(
    BEFORE,
    secret_hash=hash_secret(NEW.secret),
    expires_at=2000.0,
    previous_hash=BEFORE.secret_hash,
    grace_until=300.0,
)
BESIDE = StoredKey(OTHER.key_id, hash_secret(OTHER.secret), frozenset({"admin"}), rate_limit=RateLimit(5, 1.0))


class Door:
    """An authenticator and its clock."""

    def __init__(self, *stored: StoredKey) -> None:
        self.now = 100.0
        self.authenticator = Authenticator(stored, clock=lambda: self.now)

    def enter(self, key: ApiKey) -> str:
        attempt = self.authenticator.begin(str(key), "10.0.0.1")
        return self.authenticator.finish(attempt, proven=attempt.prove()).key_id


def test_both_secrets_open_in_the_grace_period_and_both_are_remembered() -> None:
    door = Door(AFTER)
    assert door.enter(OLD) == door.enter(NEW) == OLD.key_id
    assert door.authenticator.recall(str(OLD)) == door.authenticator.recall(str(NEW)) is not None


def test_the_old_secret_ends_with_the_grace_period_even_when_it_was_proven() -> None:
    door = Door(AFTER)
    door.enter(OLD)
    door.now = 300.0
    assert door.authenticator.recall(str(OLD)) is None
    with pytest.raises(CredentialsRefused, match="rotated"):
        door.enter(OLD)
    assert door.enter(NEW)


def test_a_secret_proven_before_a_rotation_goes_on_through_it() -> None:
    door = Door(BEFORE)
    attempt = door.authenticator.begin(str(OLD), "10.0.0.1")
    proof = attempt.prove()
    assert proof is Proof.CURRENT
    door.authenticator.replace([AFTER])
    assert door.authenticator.finish(attempt, proven=proof).key_id == OLD.key_id
    door.now = 300.0
    assert door.authenticator.recall(str(OLD)) is None, "it counts as the previous one now"


def test_a_proof_from_before_a_revocation_is_worth_nothing() -> None:
    door = Door(BEFORE)
    attempt = door.authenticator.begin(str(OLD), "10.0.0.1")
    proof = attempt.prove()
    door.authenticator.replace([])
    with pytest.raises(CredentialsRefused):
        door.authenticator.finish(attempt, proven=proof)


def test_a_change_of_one_key_forgets_no_proof_of_another() -> None:
    door = Door(BEFORE, BESIDE)
    door.enter(OLD)
    door.enter(OTHER)
    door.authenticator.replace([AFTER, BESIDE])
    assert door.authenticator.recall(str(OLD)) is None
    principal = door.authenticator.recall(str(OTHER))
    assert principal is not None
    assert principal.rate_limit == RateLimit(5, 1.0)


def test_a_key_is_valid_until_it_expires_or_goes() -> None:
    door = Door(BEFORE)
    assert door.authenticator.is_valid(OLD.key_id)
    assert not door.authenticator.is_valid("rk_nobody")
    door.now = 1000.0
    assert not door.authenticator.is_valid(OLD.key_id)


@pytest.mark.parametrize(
    "key", [ApiKey(OLD.key_id, "wrongwrong"), ApiKey("rk_nobody", "wrongwrong"), ApiKey(OTHER.key_id, "wrongwrong")]
)
def test_a_wrong_secret_costs_the_same_whatever_is_known(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a previous secret, without one, and without any key: the time tells nothing of the registry."""
    checked: list[str | None] = []

    def count(secret_hash: str | None, secret: str) -> bool:
        checked.append(secret_hash)
        return keys.verify_secret(secret_hash, secret)

    monkeypatch.setattr(authenticate, "verify_secret", count)
    door = Door(AFTER, BESIDE)
    with pytest.raises(CredentialsRefused):
        door.enter(key)
    assert len(checked) == 2


def test_nothing_shows_a_hash() -> None:
    assert "argon2" not in repr(AFTER) + repr(Door(AFTER).authenticator.begin(str(OLD), "a"))
