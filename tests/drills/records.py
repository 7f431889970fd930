"""An independent look at the fast-resume records of a dead daemon: what do they claim, and is it on disk?"""

from __future__ import annotations

from pathlib import Path

import libtorrent as lt

from tests.support.payloads import Torrent


def claimed_pieces(content: bytes) -> list[bool]:
    """The pieces that a record's file says are there, read by libtorrent itself, behind the header line.

    Raises:
        RuntimeError: libtorrent cannot read it: a kill must not leave such a file behind.
    """
    record = content.partition(b"\n")[2]
    return list(lt.read_resume_data(record).have_pieces)


def false_claims(record: Path, torrent: Torrent, folder: Path) -> list[int]:
    """The pieces that a record claims and that are not whole below `folder`."""
    claimed = claimed_pieces(record.read_bytes())
    whole = torrent.whole_pieces(folder) if any(claimed) else []
    return [index for index, claim in enumerate(claimed) if claim and not whole[index]]
