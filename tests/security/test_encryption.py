"""Secrets under AES-GCM: what was sealed opens with its key and name, and in no other way."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revaer.security.encryption import Cipher, EncryptionKey
from revaer.security.errors import KeyTextInvalid, SecretUnreadable

KEY = EncryptionKey(bytes(range(32)))
OTHER = EncryptionKey(bytes(32))
NAME, CLEAR = "proxy", "correct-horse"


@given(name=st.text(max_size=80), clear=st.text(max_size=2000))
def test_what_was_sealed_opens(name: str, clear: str) -> None:
    assert Cipher([KEY]).open(name, Cipher([OTHER, KEY]).seal(name, clear)) == clear


@given(place=st.integers(0, 1 + 8 + 12 + len(CLEAR) + 16 - 1), bit=st.integers(0, 7))
def test_a_changed_bit_anywhere_is_found_out(place: int, bit: int) -> None:
    envelope = bytearray(Cipher([KEY]).seal(NAME, CLEAR))
    envelope[place] ^= 1 << bit
    with pytest.raises(SecretUnreadable) as caught:
        Cipher([KEY]).open(NAME, bytes(envelope))
    assert CLEAR not in str(caught.value)


@pytest.mark.parametrize("length", [0, 1, 9, 21, 36, 48])
def test_a_cut_envelope_is_found_out(length: int) -> None:
    envelope = Cipher([KEY]).seal(NAME, CLEAR)
    with pytest.raises(SecretUnreadable, match="damaged"):
        Cipher([KEY]).open(NAME, envelope[:length])


def test_an_envelope_belongs_to_its_name() -> None:
    envelope = Cipher([KEY]).seal(NAME, CLEAR)
    with pytest.raises(SecretUnreadable, match="'other'"):
        Cipher([KEY]).open("other", envelope)


def test_without_its_key_an_envelope_stays_shut_and_says_so() -> None:
    envelope = Cipher([KEY]).seal(NAME, CLEAR)
    assert not Cipher([OTHER]).fits(envelope)
    with pytest.raises(SecretUnreadable, match="not in the key file"):
        Cipher([OTHER]).open(NAME, envelope)


def test_the_newest_key_seals_and_all_open() -> None:
    old = Cipher([KEY]).seal(NAME, CLEAR)
    cipher = Cipher([KEY, OTHER])
    new = cipher.seal(NAME, CLEAR)
    assert cipher.open(NAME, old) == cipher.open(NAME, new) == CLEAR
    assert (cipher.is_current(old), cipher.is_current(new)) == (False, True)
    assert cipher.newest == OTHER


def test_no_two_envelopes_are_alike() -> None:
    cipher = Cipher([KEY])
    assert len({cipher.seal(NAME, CLEAR) for _ in range(1000)}) == 1000


def test_an_envelope_of_a_newer_form_is_left_alone() -> None:
    envelope = b"\x02" + Cipher([KEY]).seal(NAME, CLEAR)[1:]
    with pytest.raises(SecretUnreadable, match="newer daemon"):
        Cipher([KEY]).open(NAME, envelope)


@pytest.mark.parametrize(
    "text",
    [KEY.text(), KEY.material.hex(), KEY.material.hex().upper(), base64.urlsafe_b64encode(KEY.material).decode()],
)
def test_keys_are_read_in_every_usual_writing(text: str) -> None:
    assert EncryptionKey.parse(text) == KEY


@pytest.mark.parametrize("text", ["", "A", "x" * 64, KEY.text()[:-4], KEY.text() + "AAAA", "é" * 44, "=" * 44])
def test_what_is_no_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(KeyTextInvalid) as caught:
        EncryptionKey.parse(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_has_256_bits(size: int) -> None:
    with pytest.raises(KeyTextInvalid):
        EncryptionKey(bytes(size))


def test_a_cipher_needs_a_key() -> None:
    with pytest.raises(KeyTextInvalid):
        Cipher([])


def test_keys_differ_and_do_not_show_themselves() -> None:
    one, two = EncryptionKey.generate(), EncryptionKey.generate()
    assert one != two
    assert one.text() not in repr(one)
    assert one.key_id != two.key_id
    assert one.key_id not in one.material
