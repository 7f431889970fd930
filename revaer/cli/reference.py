"""The reference of the configuration, written from its models: `python -m revaer.cli.reference`."""

from __future__ import annotations

import sys
from typing import Any, Final

from revaer.cli.schema_table import schema_rows
from revaer.config.schema import DOCUMENT_NAMES, json_schema

FRONT: Final = """# Configuration

Six documents make up the configuration of a node. Each change is one transaction, one revision and one row of the
history; it holds in the running daemon within two seconds, mostly in some milliseconds. This page is written from the
models (`just docs-generate`), and so are the schemas that a node serves under `/v1/config/schema`.

```sh
revaer config get                                               # everything, with `effective`: defaults filled in
revaer config get /engine_profile/max_download_bps              # one place, by its JSON Pointer
revaer config set /engine_profile/max_download_bps=5000000      # in force when the command returns
revaer config validate '/fs_policy/move_mode="copy"'            # what that would change, without changing it
revaer config history && revaer config rollback 3               # who changed what; back to revision 3, as a new one
```

A refusal names the JSON Pointer of each value that is wrong; nothing is clamped, and an unknown field is refused. In
a patch (RFC 7396) `null` sets a field back to its default. Sizes are in bytes, rates in bytes per second, times in
seconds, ratios are fractions. In the pointers below, `-` stands for any item of a list and `*` for any name.

`app_profile.immutable_keys` locks what must not be changed over the network; unlocking needs the command line on the
node. Keys and secrets have their own commands, `revaer keys` and `revaer secrets`: their values are never in a
document.
"""


def reference() -> str:
    """Write the whole page."""
    return "\n".join([FRONT, *(_chapter(name) for name in DOCUMENT_NAMES)])


def _chapter(name: str) -> str:
    schema = json_schema(name)
    rows = [
        f"| `{row.pointer}` | {_cell(row.kind)} | {_code(row.default)} | {_cell(row.description)} |"
        for row in schema_rows(name, schema)
    ]
    head = [f"## {name}", "", str(schema.get("description") or "").strip(), ""]
    table = ["| pointer | takes | default | |", "|---|---|---|---|", *rows] if rows else [_plain(schema)]
    return "\n".join([*head, *table, ""])


def _plain(schema: dict[str, Any]) -> str:
    return f"A {schema.get('type', 'value')}."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else "must be given"


if __name__ == "__main__":
    sys.stdout.write(reference())
