"""Keys, scopes, and who is let in."""

from __future__ import annotations

import pytest

from revaer.security.authenticate import Authenticator, Proof, bearer
from revaer.security.errors import AttemptsThrottled, CredentialsRefused, MalformedKey, ScopeMissing
from revaer.security.keys import ApiKey, StoredKey, generate_key, hash_secret, verify_secret
from revaer.security.scopes import Scope
from revaer.security.throttle import AttemptThrottle

KEY = generate_key()
HASH = hash_secret(KEY.secret)


class Clock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def stored(**changes: object) -> StoredKey:
    """The key as it is kept."""
    fields = {"key_id": KEY.key_id, "secret_hash": HASH, "scopes": frozenset({"torrents"}), **changes}
    return StoredKey(**fields)  # type: ignore[arg-type]  # names are the dataclass's own


def login(authenticator: Authenticator, presented: str, address: str = "10.0.0.1") -> str:
    """The whole way in; returns the id of the key."""
    attempt = authenticator.begin(presented, address)
    return authenticator.finish(attempt, proven=attempt.prove()).key_id


def test_generated_keys_parse_and_differ() -> None:
    other = generate_key()
    assert ApiKey.parse(str(other)) == other
    assert other.secret != KEY.secret
    assert other.secret not in repr(other)


@pytest.mark.parametrize("text", ["", "a", "a:", ":secretsecret", "a b:secretsecret", "a:short", "a:" + "x" * 300])
def test_malformed_keys(text: str) -> None:
    with pytest.raises(MalformedKey):
        ApiKey.parse(text)


def test_hash_fits_its_secret_only() -> None:
    assert HASH.startswith("$argon2id$")
    assert verify_secret(HASH, KEY.secret)
    assert not verify_secret(HASH, KEY.secret + "x")
    assert not verify_secret(None, KEY.secret)
    assert not verify_secret("damaged", KEY.secret)


@pytest.mark.parametrize("scopes", [frozenset(), frozenset({"root"})])
def test_stored_key_needs_known_scopes(scopes: frozenset[str]) -> None:
    with pytest.raises(ValueError, match="needs scopes"):
        stored(scopes=scopes)


def test_each_scope_includes_those_before_it() -> None:
    for rank, scope in enumerate(Scope):
        assert [one.within({scope}) for one in Scope] == [other <= rank for other in range(4)]
    assert not Scope.READ.within({"nonsense"})


def test_proven_key_is_recalled_and_its_reach_is_kept() -> None:
    authenticator = Authenticator([stored()])
    assert authenticator.recall(str(KEY)) is None
    assert login(authenticator, str(KEY)) == KEY.key_id
    principal = authenticator.recall(str(KEY))
    assert principal is not None
    principal.require(Scope.READ)
    with pytest.raises(ScopeMissing):
        principal.require(Scope.CONFIG)
    assert authenticator.recall(str(KEY) + "x") is None


def test_change_of_keys_forgets_what_was_proven() -> None:
    authenticator = Authenticator([stored()])
    attempt = authenticator.begin(str(KEY), "a")
    login(authenticator, str(KEY))
    authenticator.replace([])
    assert authenticator.recall(str(KEY)) is None
    with pytest.raises(CredentialsRefused):
        authenticator.finish(attempt, proven=Proof.CURRENT)


def test_key_expires_also_when_it_was_proven() -> None:
    clock = Clock()
    authenticator = Authenticator([stored(expires_at=200.0)], clock=clock)
    login(authenticator, str(KEY))
    clock.now = 200.0
    assert authenticator.recall(str(KEY)) is None
    with pytest.raises(CredentialsRefused, match="expired"):
        login(authenticator, str(KEY))


def test_failures_are_throttled_per_address_and_successes_are_not() -> None:
    clock = Clock()
    authenticator = Authenticator([stored()], throttle=AttemptThrottle(burst=2, per_seconds=10.0, clock=clock))
    for _ in range(5):
        login(authenticator, str(KEY))
    for _ in range(2):
        with pytest.raises(CredentialsRefused):
            login(authenticator, f"{KEY.key_id}:wrongwrong")
    with pytest.raises(AttemptsThrottled) as refusal:
        login(authenticator, str(KEY))
    assert refusal.value.retry_after == pytest.approx(5.0)
    assert login(authenticator, str(KEY), "10.0.0.2")
    clock.now += 5.0
    assert login(authenticator, str(KEY))


def test_one_ipv6_network_is_one_address_and_memory_is_bounded() -> None:
    throttle = AttemptThrottle(burst=1, capacity=3, clock=Clock())
    throttle.begin("2001:db8::1")
    with pytest.raises(AttemptsThrottled):
        throttle.begin("2001:db8::2")
    for number in range(20):
        throttle.begin(f"10.0.0.{number}")
    assert len(throttle) <= 3


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "", "Bearer  "])
def test_other_authorization_headers(header: str) -> None:
    with pytest.raises(MalformedKey):
        bearer(header)


def test_bearer_gives_the_key() -> None:
    assert bearer(f"bearer {KEY}") == str(KEY)
