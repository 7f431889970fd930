"""The way to post-processing: every request has a deadline, and its errors are said in the session's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from actors import ActorDown, ActorRef, MailboxFull, Request, RequestExpired
from revaer.fsops.messages import (
    Enqueue,
    Extent,
    ForgetJob,
    FsOpsMessage,
    FsOpsRefusal,
    FsOpsUnavailable,
    InspectJob,
    JobDetail,
    JobSpec,
    JobView,
    RetryJob,
)
from revaer.session.messages import ActionRefused, SessionUnavailable
from revaer.session.origin import current_request
from revaer.types import TorrentId

R = TypeVar("R")


class FsOpsGate:
    """Asks for post-processing.

    Args:
        fsops: its address; None on a node without post-processing.
        moves_source: tells whether the payload itself would go into the library by the present policy.
        within: seconds one request may take.
        stop_within: the same for requests that may have to stop a job.
    """

    def __init__(
        self,
        fsops: ActorRef[FsOpsMessage] | None,
        *,
        moves_source: Callable[[], bool],
        within: float,
        stop_within: float,
    ) -> None:
        self._fsops = fsops
        self._moves_source = moves_source
        self._within = within
        self._stop_within = stop_within

    @property
    def is_open(self) -> bool:
        """Whether this node has post-processing."""
        return self._fsops is not None

    @property
    def generation(self) -> int:
        """The generation of post-processing that runs now, or that ran last."""
        return 0 if self._fsops is None else self._fsops.generation

    def moves_source(self) -> bool:
        """Tell whether the payload itself would go into the library."""
        return self._moves_source()

    async def enqueue(self, spec: JobSpec) -> JobView:
        """Queue a job, or find it as it is. Raises SessionUnavailable, ActionRefused."""
        request = Enqueue(
            torrent_id=spec.torrent_id,
            name=spec.name,
            source_root=spec.source_root,
            files=spec.files,
            multi_file=spec.multi_file,
            request_id=current_request(),
        )
        return await self._ask(request)

    async def inspect(self, torrent_id: TorrentId) -> JobDetail | None:
        """Show a job without its steps and files. Raises SessionUnavailable."""
        return await self._ask(InspectJob(torrent_id, Extent.STATE))

    async def retry(self, torrent_id: TorrentId) -> JobView:
        """Queue a job again. Raises SessionUnavailable, ActionRefused."""
        return await self._ask(RetryJob(torrent_id, current_request()))

    async def forget(self, torrent_id: TorrentId) -> None:
        """Stop and drop a job; what was published stays. Raises SessionUnavailable, ActionRefused."""
        if self._fsops is not None:
            await self._ask(ForgetJob(torrent_id, current_request()), within=self._stop_within)

    async def _ask(self, request: Request[R], *, within: float | None = None) -> R:
        if self._fsops is None:
            raise ActionRefused("this node has no post-processing")
        try:
            return await self._fsops.ask(request, within=within or self._within)
        except FsOpsUnavailable as error:
            raise SessionUnavailable(error.reason, retry_after=error.retry_after) from error
        except FsOpsRefusal as error:
            raise ActionRefused(str(error)) from error
        except (ActorDown, MailboxFull, RequestExpired) as error:
            raise SessionUnavailable(str(error)) from error
