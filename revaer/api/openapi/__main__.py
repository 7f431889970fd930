"""Prints the OpenAPI document; with a path, writes it there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from revaer.api.app import ROUTES
from revaer.api.openapi.document import assemble
from revaer.api.openapi.tables import OPERATIONS


def text() -> str:
    """Return the document as JSON, the same for the same code."""
    return json.dumps(assemble(ROUTES, OPERATIONS), indent=1, ensure_ascii=False, sort_keys=False) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text(), "utf-8")
    else:
        sys.stdout.write(text())
