"""The address of an actor: how everybody else talks to it."""

from typing import Generic, TypeVar

import trio

from actors.envelope import Envelope
from actors.errors import ActorDown, RequestExpired
from actors.mailbox import Mailbox, MailboxStatistics
from actors.message import R, Request

M_contra = TypeVar("M_contra", contravariant=True)


class ActorRef(Generic[M_contra]):
    """A typed address that outlives restarts of its actor and carries the actor's generation.

    Make it before the actor exists and hand it to whoever may talk to the actor. A ref to a wider union of
    messages serves where a ref to a part of it is wanted. All methods belong to the trio thread.

    Args:
        name: name of the actor, unique in its supervisor.
        capacity: how many messages may be queued.

    Attributes:
        mailbox: what the runtime serves; senders use the methods.
    """

    def __init__(self, name: str, *, capacity: int = 256) -> None:
        self.mailbox = Mailbox(name, capacity)

    def __repr__(self) -> str:
        return f"<ActorRef {self.name} generation {self.generation} {'running' if self.running else 'down'}>"

    @property
    def name(self) -> str:
        """Name of the actor."""
        return self.mailbox.name

    @property
    def capacity(self) -> int:
        """How many messages may be queued."""
        return self.mailbox.capacity

    @property
    def generation(self) -> int:
        """0 before the first start, one more with each start."""
        return self.mailbox.generation

    @property
    def running(self) -> bool:
        """Whether messages are accepted: from the beginning of a start until a crash or a stop."""
        return self.mailbox.is_open

    async def tell(self, message: M_contra, *, patience: float = 0.25) -> None:
        """Send `message`, waiting at most `patience` seconds for room.

        Raises:
            MailboxFull: there was no room in time.
            ActorDown: the actor is not running.
        """
        await trio.lowlevel.checkpoint()
        await self.mailbox.put(Envelope(message), patience)

    def try_tell(self, message: M_contra) -> bool:
        """Send `message` when there is room now; return False when the mailbox is full or the actor down."""
        try:
            accepted = self.mailbox.offer(Envelope(message))
        except ActorDown:
            return False
        if not accepted:
            self.mailbox.reject()
        return accepted

    def nudge(self, message: M_contra) -> None:
        """Leave `message` as a tick: one is pending per message type, and the newest wins.

        Never waits and never fails; ignored when the actor is down. Ticks are served before queued messages.
        """
        self.mailbox.flag(message)

    async def ask(self, request: Request[R], *, within: float, patience: float = 0.25) -> R:
        """Send `request` and return its reply.

        When the asker is cancelled or the deadline passes, work that has not begun never begins; work begun
        runs to its end.

        Args:
            request: what to ask.
            within: seconds until the reply must be here, waiting for room included.
            patience: seconds to wait for room in the mailbox.

        Raises:
            RequestExpired: no reply within `within` seconds.
            MailboxFull: no room within `patience` seconds.
            ActorDown: the actor is not running, or crashed or stopped before it answered.
            Refused: the actor's own refusal (a subclass of it).
        """
        envelope = Envelope(request, trio.current_time() + within)
        with trio.CancelScope(deadline=envelope.deadline):
            try:
                await self.mailbox.put(envelope, patience)
                reply: R = await envelope.wait()
            except trio.Cancelled:
                self.mailbox.withdraw(envelope)
                raise
            return reply
        raise RequestExpired(self.name, within)

    def statistics(self) -> MailboxStatistics:
        """Return the figures of the mailbox."""
        return self.mailbox.statistics()
