"""What every document has in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Base of every document: strict types, no unknown fields, no change once made. Errors never repeat a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    def wire(self) -> dict[str, Any]:
        """Return every field, defaults included, as JSON has it."""
        return self.model_dump(mode="json")

    def given(self) -> dict[str, Any]:
        """Return only the fields that were set, as JSON has them; it makes an equal document again."""
        return self.model_dump(mode="json", exclude_unset=True)
