"""Structured logs: one event name per line with fields, as JSON or for a console, secrets masked.

Code says `log = structlog.get_logger("revaer.<slice>")` and `log.info("event_name", field=value)`. What the work at
hand is about is added to every line of the task and of what it starts: `actor` and `generation`, `request_id`,
`torrent_id` (`revaer.telemetry.escort`, `revaer.trail`), and in a trace its `trace_id`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from revaer.telemetry.redact import redact
from revaer.telemetry.relay import LEVELS, RELAY
from revaer.telemetry.sink import LineSink
from revaer.tracing import current_span

FORMS = ("json", "console")
"""The forms a line may have."""


class LogSettingInvalid(ValueError):
    """A level or form of logs that does not exist."""


def configure_logs(*, level: str = "info", form: str = "json", stream: TextIO | None = None) -> LineSink:
    """Send all logs, those of libraries included, to one stream. May be called again with other settings.

    Args:
        level: the least important level that is written.
        form: `json` or `console`.
        stream: where lines go, standard error when absent.

    Returns:
        The sink; closing it writes what waits. It closes by itself at the end of the process.

    Raises:
        LogSettingInvalid: an unknown level or form.
    """
    if level not in LEVELS:
        raise LogSettingInvalid(f"no such log level: {level!r}; there are {', '.join(LEVELS)}")
    if form not in FORMS:
        raise LogSettingInvalid(f"no such log form: {form!r}; there are {', '.join(FORMS)}")
    target = sys.stderr if stream is None else stream
    sink = LineSink(target)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _name_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            _relay,
            _render_json if form == "json" else structlog.dev.ConsoleRenderer(colors=target.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *names: _LineLogger(sink, *names),
        cache_logger_on_first_use=False,
    )
    _adopt_library_logs(LEVELS[level])
    return sink


class _LineLogger:
    """What structlog hands finished lines to."""

    def __init__(self, sink: LineSink, name: str = "revaer") -> None:
        self.name = name
        self._sink = sink

    def msg(self, message: str) -> None:
        """Write a line."""
        self._sink.write(message)

    debug = info = warning = error = critical = exception = log = msg


class _LibraryLogs(logging.Handler):
    """Turns the records of libraries into events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record as the event `library_log`."""
        try:
            log, level = structlog.get_logger(record.name), max(record.levelno, 10)
            words = record.getMessage()
            log.log(level, "library_log", library=record.name, message=words, exc_info=record.exc_info)
        except Exception:  # noqa: BLE001  # logging's own convention: a bad record is reported, never raised
            self.handleError(record)


def _adopt_library_logs(level: int) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _LibraryLogs)]:
        root.removeHandler(handler)
    root.addHandler(_LibraryLogs())
    # What libraries call "info" is chatter of every connection.
    root.setLevel(max(level, logging.WARNING))


def _name_trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = current_span()
    if span is not None:
        event.setdefault("trace_id", f"{span.trace_id:032x}")
    return event


def _mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    masked: dict[str, Any] = redact(event)
    return masked


def _relay(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    RELAY.publish(event)
    return event


def _render_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
