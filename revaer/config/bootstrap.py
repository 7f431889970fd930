"""The configuration of an unattended start: a JSON changeset in a file."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from revaer.config.documents import Configuration


class ConfigError(Exception):
    """The configuration cannot be used; each of `problems` is a JSON Pointer with a message."""

    def __init__(self, origin: str, problems: tuple[tuple[str, str], ...]) -> None:
        lines = "".join(f"\n  {pointer or '/'}: {message}" for pointer, message in problems)
        super().__init__(f"{origin} is refused:{lines}")
        self.problems = problems


def load_configuration(path: Path | None) -> Configuration:
    """Read a changeset over the defaults; without a path, the defaults alone.

    Raises:
        ConfigError: the file cannot be read, is no JSON object, or holds unknown fields or values out of bounds.
    """
    if path is None:
        return Configuration()
    try:
        return Configuration.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(str(path), (("", f"cannot be read: {error.strerror or error}"),)) from error
    except ValidationError as error:
        raise ConfigError(str(path), tuple(_problem(item["loc"], item["msg"]) for item in error.errors())) from error


def _problem(location: tuple[int | str, ...], message: str) -> tuple[str, str]:
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return pointer, message
