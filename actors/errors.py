"""Everything the actor engine raises, under one root."""


class ActorError(Exception):
    """Root of the errors that the actor engine raises."""


class ActorDown(ActorError):
    """A message went unanswered or undelivered because the actor crashed, stopped or never ran.

    Attributes:
        actor: name of the actor.
        reason: why it is down, for people.
    """

    def __init__(self, actor: str, reason: str) -> None:
        super().__init__(f"{actor} is down: {reason}")
        self.actor = actor
        self.reason = reason


class MailboxFull(ActorError):
    """There was no room in a mailbox within the sender's patience; the message was not accepted.

    Attributes:
        actor: name of the actor.
        capacity: how many messages its mailbox holds.
    """

    def __init__(self, actor: str, capacity: int) -> None:
        super().__init__(f"the mailbox of {actor} is full ({capacity} messages)")
        self.actor = actor
        self.capacity = capacity


class RequestExpired(ActorError):
    """A request was not answered before its deadline.

    Attributes:
        actor: name of the actor.
        within: the deadline in seconds, as the asker gave it.
    """

    def __init__(self, actor: str, within: float) -> None:
        super().__init__(f"{actor} did not answer within {within:g} s")
        self.actor = actor
        self.within = within


class Refused(ActorError):
    """Root of domain refusals: raised by a handler, it answers the asker and the actor lives on."""


class ReplyMissing(ActorError):
    """A handler broke the reply contract: no answer to a request, or an answer to something else."""


class TaskCancelled(ActorError):
    """A task of an actor was cancelled from within, although nobody asked the actor to stop."""


class StartFailed(ActorError):
    """An actor did not start: `on_start` raised or ran over its deadline.

    Attributes:
        actor: name of the actor.
        reason: what went wrong, for people.
    """

    def __init__(self, actor: str, reason: str) -> None:
        super().__init__(f"{actor} did not start: {reason}")
        self.actor = actor
        self.reason = reason


class StopExpired(ActorError):
    """An actor did not stop within its budget and was cancelled.

    Attributes:
        actor: name of the actor.
        within: the budget in seconds.
    """

    def __init__(self, actor: str, within: float) -> None:
        super().__init__(f"{actor} did not stop within {within:g} s")
        self.actor = actor
        self.within = within


class RestartLimit(ActorError):
    """An actor crashed more often than its restart policy allows.

    Attributes:
        actor: name of the actor.
        reason: the last crash, for people.
    """

    def __init__(self, actor: str, reason: str) -> None:
        super().__init__(f"{actor} reached its restart limit: {reason}")
        self.actor = actor
        self.reason = reason


class LaneExpired(ActorError):
    """A blocking call did not end before its deadline; its thread was abandoned.

    Attributes:
        lane: name of the lane.
        within: the deadline in seconds.
    """

    def __init__(self, lane: str, within: float) -> None:
        super().__init__(f"a call in the lane {lane} did not end within {within:g} s")
        self.lane = lane
        self.within = within
