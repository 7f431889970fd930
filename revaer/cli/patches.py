"""Merge patches from the command line: assignments such as `/engine_profile/listen_port=6881`, or a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from revaer.cli import formats
from revaer.cli.failures import WrongRequest
from revaer.config.pointers import join, split, touches, within
from revaer.config.strict_json import MAX_BYTES, MalformedJson, parse_json


def patch_from(assignments: Sequence[str], file: str | None) -> dict[str, Any]:
    """Make the patch that the arguments of a command ask for: either assignments or a file.

    Raises:
        click.UsageError: both were given, or neither, or an assignment is wrong.
        WrongRequest: the file does not hold a JSON object as the daemon takes it.
    """
    if (file is None) == (not assignments):
        raise click.UsageError("give either POINTER=VALUE, once or more, or --file.")
    return assigned(assignments) if file is None else read_object(file)


def assigned(assignments: Sequence[str]) -> dict[str, Any]:
    """Make the patch that assigns values to places. No message repeats a value: it may be private.

    Raises:
        click.UsageError: an assignment is wrong, or two of them concern the same place.
    """
    patch: dict[str, Any] = {}
    seen: list[str] = []
    for assignment in assignments:
        steps, text = _taken_apart(assignment)
        pointer = join(steps)
        other = next((one for one in seen if touches(one, pointer)), None)
        if other is not None:
            raise click.UsageError(f"{pointer} and {other} concern the same place; give one of them.")
        seen.append(pointer)
        place = patch
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = _value(pointer, text)
    return patch


def _taken_apart(assignment: str) -> tuple[tuple[str, ...], str]:
    pointer, equals, text = assignment.partition("=")
    if within(pointer, "/secrets"):
        raise click.UsageError(
            "a secret does not belong on the command line, where others see it: use `revaer secrets set NAME`."
        )
    if not (equals and pointer.startswith("/") and len(pointer) > 1):
        shown = formats.visible(pointer)
        raise click.UsageError(f"'{shown}' should be POINTER=VALUE, such as /engine_profile/listen_port=6881.")
    return split(pointer), text


def _value(pointer: str, text: str) -> Any:
    try:
        return parse_json(text.encode("utf-8", "surrogateescape"))
    except MalformedJson as error:
        message = error.problems[0].message
        place = formats.visible(pointer)
        raise click.UsageError(
            f"{place}: the value {message}. A text needs double quotes inside the shell's: '{place}=\"text\"'."
        ) from None


def read_object(file: str) -> dict[str, Any]:
    """Read a JSON object from a file, or from standard input for `-`, as strictly as the daemon does.

    Raises:
        click.UsageError: the file cannot be read.
        WrongRequest: it does not hold one.
    """
    label = "standard input" if file == "-" else file
    try:
        value = parse_json(_read(file))
    except MalformedJson as error:
        lines = [f"{problem.pointer or '/'}: {problem.message}" for problem in error.problems]
        raise WrongRequest(f"{label} cannot be accepted", lines=lines) from None
    if not isinstance(value, dict):
        raise WrongRequest(f"{label} cannot be accepted", lines=["/: must be a JSON object"])
    return value


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(file).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"{file}: cannot be read: {error.strerror}.") from error
