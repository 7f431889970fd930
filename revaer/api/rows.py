"""Torrents as JSON, for lists and snapshots: what seldom changes of a torrent is written once and kept.

A list of thousands is mostly names, hashes and paths, which stay, around a few figures, which do not.
"""

from __future__ import annotations

from typing import Final

import orjson

from revaer.api.readmodel import ReadModel
from revaer.api.views import descriptor_document, progress_documents, rfc3339, state_document
from revaer.types import Descriptor, StateView, TorrentId, TorrentView

LONGEST: Final = 4096
"""Bytes that are kept of a torrent; one with hundreds of trackers is written anew each time."""
SPARE: Final = 1000
"""How many torrents that are gone may still be kept."""


class RowWriter:
    """Writes torrents as `torrent_document` describes them.

    Args:
        model: knows which torrents there are; nothing is kept of others for long.
    """

    def __init__(self, model: ReadModel) -> None:
        self._model = model
        self._heads: dict[TorrentId, tuple[Descriptor, StateView, bytes]] = {}

    @property
    def kept(self) -> int:
        """Of how many torrents something is kept."""
        return len(self._heads)

    def write(self, view: TorrentView) -> bytes:
        """Return a torrent as JSON. Raises TypeError for text in it that is no Unicode."""
        kept = self._heads.get(view.id)
        if kept is not None and kept[0] is view.descriptor and kept[1] is view.state:
            head = kept[2]
        else:
            head = self._write_head(view)
        figures = orjson.dumps(progress_documents(view.progress))[1:-1]
        return b'%b,%b,"last_updated":"%b"}' % (head, figures, rfc3339(view.last_updated).encode())

    def _write_head(self, view: TorrentView) -> bytes:
        document = {"id": view.id, **descriptor_document(view.descriptor), "state": state_document(view.state)}
        head = orjson.dumps(document)[:-1]
        if len(head) <= LONGEST:
            self._heads[view.id] = (view.descriptor, view.state, head)
        else:
            self._heads.pop(view.id, None)
        if len(self._heads) > len(self._model.views) + SPARE:
            self._heads = {one: kept for one, kept in self._heads.items() if one in self._model.views}
        return head
