"""What post-processing may raise. Each error says in which step, at which path, what happened, and whether to retry."""

from __future__ import annotations

import errno
import os
from typing import Final

from revaer.fsops.types import Problem, StepName

_TRANSIENT: Final = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ENOENT, errno.EBUSY, errno.EAGAIN, errno.EINTR,
        errno.ETIMEDOUT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN,
        errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETXTBSY, errno.EROFS,
    }
)  # fmt: skip

_SENTENCES: Final = {
    errno.ENOSPC: "there is no space left on the volume",
    errno.EDQUOT: "the disk quota is used up",
    errno.EIO: "the disk reports an input/output error",
    errno.ESTALE: "the network share went away",
    errno.ENOENT: "it is not there",
    errno.ENOTDIR: "a part of the path is no directory",
    errno.EACCES: "the daemon has no permission",
    errno.EPERM: "the system does not permit it",
    errno.EROFS: "the volume is read-only",
    errno.ELOOP: "there is a symbolic link where none may be",
    errno.ENAMETOOLONG: "the name is too long for this volume",
    errno.EXDEV: "it lies on another volume",
}


class FsOpsError(Exception):
    """Root of what post-processing may raise.

    Args:
        message: What happened, a plain sentence for people without a full stop.
        step: The step that failed; whoever runs the step fills it in when it is not known where the error arises.
        path: The file or directory concerned, as the user knows it.
        retryable: Whether the same job may succeed later with nothing changed by the user.
    """

    def __init__(
        self, message: str, *, step: StepName | None = None, path: str | None = None, retryable: bool = False
    ) -> None:
        super().__init__(message if path is None else f"{message}: {path}")
        self.message = message
        self.step = step
        self.path = path
        self.retryable = retryable

    def problem(self, step: StepName) -> Problem:
        """Return the error as a value; `step` is where it arose unless the error knows better.

        What is no Unicode text in a name is escaped, so that the value can be stored.
        """
        path = None if self.path is None else _text(self.path)
        return Problem(self.step or step, path, _text(self.message), self.retryable)


class Refused(FsOpsError):
    """The job cannot succeed until the user changes something."""

    def __init__(self, message: str, *, step: StepName | None = None, path: str | None = None) -> None:
        super().__init__(message, step=step, path=path, retryable=False)


class Transient(FsOpsError):
    """The job may succeed later: the disk is full, a mount is away, a tool took too long."""

    def __init__(self, message: str, *, step: StepName | None = None, path: str | None = None) -> None:
        super().__init__(message, step=step, path=path, retryable=True)


class Cancelled(FsOpsError):
    """The job was told to stop. What is done is recorded; a later run goes on from there."""

    def __init__(self, *, step: StepName | None = None) -> None:
        super().__init__("the job was cancelled", step=step, retryable=True)


def _text(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()


def from_os_error(
    error: OSError, doing: str, *, path: str | os.PathLike[str] | None = None, step: StepName | None = None
) -> FsOpsError:
    """Return what an error of the operating system means.

    Args:
        error: The error.
        doing: What was tried, to follow "cannot": `copy the file`.
        path: The path concerned; the error's own when absent.
        step: The step, when it is known.
    """
    where = error.filename if path is None else path
    text = os.fsdecode(where) if isinstance(where, str | bytes | os.PathLike) else None
    reason = _SENTENCES.get(error.errno or 0) or (error.strerror or str(error)).lower()
    message = f"cannot {doing}: {reason}"
    kind = Transient if error.errno in _TRANSIENT else Refused
    return kind(message, step=step, path=text)
