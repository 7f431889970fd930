"""Digests of values: equal inputs have equal digests, today and in the next version. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Final

import msgspec

from revaer.fsops.policy import Policy
from revaer.fsops.types import Job

_CANONICAL: Final = msgspec.json.Encoder(order="sorted")
_NOT_IN_DIGEST: Final = frozenset({"passwords"})


def digest(*parts: Any) -> str:
    """Return the SHA-256, in hexadecimal, of values in a canonical form: keys sorted, no spaces."""
    try:
        return hashlib.sha256(_CANONICAL.encode(parts)).hexdigest()
    except UnicodeEncodeError:
        # A name that is no text is refused later, by a step that can say so.
        return hashlib.sha256(ascii(parts).encode()).hexdigest()


def policy_digest(policy: Policy) -> str:
    """Return the digest of a policy. Passwords are left out: they decide whether it works, not what comes out."""
    return digest(
        {each.name: _plain(getattr(policy, each.name)) for each in fields(policy) if each.name not in _NOT_IN_DIGEST}
    )


def job_digest(job: Job) -> str:
    """Return the digest of what is to be processed."""
    files = sorted((file.path, file.size) for file in job.files)
    return digest(job.torrent_id, job.name, str(job.source_root), job.multi_file, files)


def manifest_digest(hashes: Mapping[str, str], links: Mapping[str, str] | None = None) -> str:
    """Return the digest of an entry's content.

    Args:
        hashes: SHA-256 by path.
        links: Targets of symbolic links by path.
    """
    lines = [f"file {sha256} {path}\n" for path, sha256 in hashes.items()]
    lines += [f"link {target!r} {path}\n" for path, target in (links or {}).items()]
    return _of_lines(sorted(lines))


def _of_lines(lines: Iterable[str]) -> str:
    total = hashlib.sha256()
    for line in lines:
        total.update(line.encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _plain(value: Any) -> Any:
    return [str(each) for each in value] if isinstance(value, tuple) else value
