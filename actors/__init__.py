"""The actor engine: supervision, mailboxes, bus, health.

It knows nothing of torrents or HTTP. If you look for the running actors: the actors live in `revaer/*/actor.py`,
and `ls revaer/*/actor.py` lists them; two small ones that take no messages are in `revaer/daemon/setup.py` and
`revaer/daemon/following.py`.
"""

from actors.actor import Actor, Context
from actors.blocking import BlockingLane, LaneStatistics
from actors.bus import Bus, Lagged, Stamped, SubscriberStatistics, Subscription
from actors.child import ChildSpec, ChildStatus
from actors.errors import (
    ActorDown,
    ActorError,
    LaneExpired,
    MailboxFull,
    Refused,
    ReplyMissing,
    RequestExpired,
    RestartLimit,
    StartFailed,
    StopExpired,
    TaskCancelled,
)
from actors.escort import NO_DUTY, Duty, Escort
from actors.faults import collapse, describe
from actors.health import ComponentHealth, Health, HealthState, Reporter, Transition
from actors.mailbox import MailboxStatistics
from actors.message import Answer, Handled, Later, Request, answer, later
from actors.ref import ActorRef
from actors.restart import RestartPolicy, RestartWindow
from actors.supervisor import Supervisor
from actors.wakeup import WakeSource

__all__ = [
    "NO_DUTY",
    "Actor",
    "ActorDown",
    "ActorError",
    "ActorRef",
    "Answer",
    "BlockingLane",
    "Bus",
    "ChildSpec",
    "ChildStatus",
    "ComponentHealth",
    "Context",
    "Duty",
    "Escort",
    "Handled",
    "Health",
    "HealthState",
    "Lagged",
    "LaneExpired",
    "LaneStatistics",
    "Later",
    "MailboxFull",
    "MailboxStatistics",
    "Refused",
    "ReplyMissing",
    "Reporter",
    "Request",
    "RequestExpired",
    "RestartLimit",
    "RestartPolicy",
    "RestartWindow",
    "Stamped",
    "StartFailed",
    "StopExpired",
    "SubscriberStatistics",
    "Subscription",
    "Supervisor",
    "TaskCancelled",
    "Transition",
    "WakeSource",
    "answer",
    "collapse",
    "describe",
    "later",
]
