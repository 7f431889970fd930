"""Whether symbolic links stay inside the entry that holds them. Pure functions.

Links only come out of archives. Extraction has looked at them, but files may lie elsewhere in the entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from revaer.fsops.errors import Refused
from revaer.fsops.layout import Item

_HOPS: Final = 40


def check_links(items: Mapping[str, Item]) -> None:
    """Refuse links that lead out of the entry, or in circles. A link to nothing inside is harmless.

    Args:
        items: What the entry holds, by path.

    Raises:
        Refused: Names the link.
    """
    links = {path: item.link for path, item in items.items() if item.link is not None}
    for path in links:
        _follow(path, links)


def _follow(path: str, links: Mapping[str, str]) -> None:
    todo = path.split("/")[::-1]
    here: list[str] = []
    hops = 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                raise Refused("a symbolic link from an archive leads out of the library entry", path=path)
            here.pop()
            continue
        here.append(part)
        target = links.get("/".join(here))
        if target is None:
            continue
        hops += 1
        if target.startswith("/") or hops > _HOPS:
            raise Refused("a symbolic link from an archive leads out of the library entry or in circles", path=path)
        here.pop()
        todo.extend(target.split("/")[::-1])
