"""Calls that are made once: what an `Idempotency-Key` promises.

A call is noted in the database before its work begins, and its answer when it ends. The same call again, within a day,
gets that answer. While the first is being worked at, the second waits; when the first ended without an answer (the
daemon stopped, or something was away), the second takes it up: the ids of what it makes follow from the note, so that
what the first made is recognised.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn

import structlog
import trio

from actors import BlockingLane
from revaer.api.call import Answer, Call, Reply
from revaer.api.errors import ClientGone, InvalidParam, KeyTaken, MalformedRequest, NotReady, TooManyAnswers
from revaer.api.forms import FORM_TYPE, read_form
from revaer.api.kept_answers import Finished, Found, KeptAnswers, Name, NothingKept, OtherBody, Unfinished, Usage
from revaer.api.problems import CONTENT_TYPE, Problem, explain
from revaer.api.settings import ANSWER_BYTES, ANSWERS, JSON_BYTES, OFF_LOOP_BYTES
from revaer.types import TorrentId, new_torrent_id

log = structlog.get_logger("revaer.api")

HEADER: Final = "idempotency-key"
REPLAYED: Final = {"idempotency-replayed": "true"}
WAIT_SECONDS: Final = 30.0
"""How long a call waits for the same call that was made before it."""
KEEP_SECONDS: Final = 5.0
"""How long an answer that is there waits until it is kept."""
PRUNE_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 5.0
_FULL_SECONDS: Final = 3600.0

_WORD: Final = r"[!#-+\--:<-\[\]-~]{1,128}"
_KEY: Final = re.compile(rf'({_WORD})|"({_WORD})"')


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a call that is made once.

    Attributes:
        seed: what the ids of the things that it makes follow from.
        made_at: when the first try was made, Unix seconds.
        is_retry: whether an earlier try may have done some of the work.
    """

    seed: uuid.UUID
    made_at: float
    is_retry: bool

    def torrent_id(self, index: int = 0) -> TorrentId:
        """Return the id of the `index`-th torrent that the call makes: the same at each try."""
        entropy = hashlib.sha256(b"%s:%d" % (self.seed.bytes, index)).digest()[:10]
        return new_torrent_id(now=self.made_at, entropy=entropy)

    def name(self, prefix: str) -> str:
        """Return the name of the one other thing that the call makes: `prefix` and 16 digits, the same at each try."""
        return prefix + hashlib.sha256(self.seed.bytes).hexdigest()[:16]


@dataclass(slots=True)
class _UnderWay:
    digest: bytes
    done: trio.Event = field(default_factory=trio.Event)


class Once:
    """Answers calls that come with a key.

    Args:
        kept: where answers are kept; None when nowhere.
        lane: where large bodies are digested.
        clock: Unix seconds.
    """

    def __init__(
        self,
        kept: KeptAnswers | None = None,
        lane: BlockingLane | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kept: KeptAnswers = NothingKept() if kept is None else kept
        self._lane = BlockingLane("digests") if lane is None else lane
        self._clock = clock
        self._under_way: dict[Name, _UnderWay] = {}
        self._usage: dict[str, Usage] = {}

    async def answer(self, call: Call, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Answer a call: with what it was answered before, or by doing its work.

        Args:
            call: came with a key.
            work: does the work, and answers.

        Raises:
            MalformedRequest: the key is none.
            KeyTaken: the key came with another body, or the same call is being worked at for too long.
            TooManyAnswers: the caller has as many answers kept as may be.
            NotReady: the database is away.
            ApiError: the body cannot be read.
        """
        owner = call.caller_id
        name = Name(owner, f"{call.method} {call.path}", key_of(call))
        digest = await self._digest(call)
        with trio.move_on_after(WAIT_SECONDS):
            while (earlier := self._under_way.get(name)) is not None:
                if earlier.digest != digest:
                    raise _other_body()
                await earlier.done.wait()
        if name in self._under_way:
            raise KeyTaken("the same call is being worked at; ask again for its answer", retry_after=_RETRY_SECONDS)
        mine = self._under_way[name] = _UnderWay(digest)
        try:
            return await self._settle(call, name, digest, work)
        finally:
            del self._under_way[name]
            mine.done.set()

    async def run(self) -> None:
        """Forget old answers, and count what is kept, until cancelled."""
        while True:
            try:
                await self._kept.prune(now=self._clock())
                self._usage = dict(await self._kept.usage())
            except NotReady as error:
                log.info("idempotency_not_pruned", reason=str(error))
            await trio.sleep(PRUNE_SECONDS)

    async def _settle(self, call: Call, name: Name, digest: bytes, work: Callable[[], Awaitable[Answer]]) -> Answer:
        found = await self._find(name, digest)
        if isinstance(found, OtherBody):
            raise _other_body()
        if isinstance(found, Finished):
            log.info("answer_repeated", request_id=call.request_id, route=call.route)
            return replace(found.reply, headers={**found.reply.headers, **REPLAYED})
        call.attempt = Attempt(found.seed, found.made_at, is_retry=not found.is_new)
        answer = await _do(call, work)
        if isinstance(answer, Reply) and _is_final(answer):
            await self._keep(call, name, found, answer)
        return answer

    async def _keep(self, call: Call, name: Name, found: Unfinished, reply: Reply) -> None:
        kept = _without_secret(reply, call.request_id) if reply.is_secret else reply
        reason = f"the database took longer than {KEEP_SECONDS:g} s"
        with trio.move_on_after(KEEP_SECONDS, shield=True):
            try:
                await self._kept.keep(found, kept)
                usage = self._usage.get(name.owner, Usage())
                self._usage[name.owner] = Usage(usage.answers + 1, usage.bytes + len(kept.body))
                return
            except NotReady as error:
                reason = str(error)
        # The work is done, so the answer stands; who asks again is recognised by what was made.
        log.warning("answer_not_kept", request_id=call.request_id, reason=reason)

    async def _find(self, name: Name, digest: bytes) -> Found:
        """Return what is known of a call, and note that it is made; who has no room for more gets what is kept."""
        usage = self._usage.get(name.owner, Usage())
        if usage.answers < ANSWERS and usage.bytes < ANSWER_BYTES:
            return await self._kept.claim(name, digest, now=self._clock())
        found = await self._kept.find(name, digest, now=self._clock())
        if found is None:
            told = f"a caller may have {ANSWERS} answers with {ANSWER_BYTES} bytes kept under idempotency keys in a day"
            raise TooManyAnswers(told, _FULL_SECONDS)
        return found

    async def _digest(self, call: Call) -> bytes:
        kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == FORM_TYPE:
            form = await read_form(call)
            return await self._lane.run(form.digest) if form.is_large else form.digest()
        body = await call.keep_body(JSON_BYTES)
        whole = b"%s\n%s" % (kind.encode("latin-1", "replace"), body)
        if len(body) > OFF_LOOP_BYTES:
            return await self._lane.run(_sha256, whole)
        return _sha256(whole)


def key_of(call: Call) -> str:
    """Return the key that a call came with; quotes around it do not count.

    Raises:
        MalformedRequest: it is none, or there are several.
    """
    values = call.all_values(HEADER)
    match = _KEY.fullmatch(values[0].strip()) if len(values) == 1 else None
    if match is None:
        message = "should be one token of 1 to 128 visible ASCII characters, none of , ; \\ and quotes"
        raise MalformedRequest("the Idempotency-Key cannot be used", [InvalidParam(f"/header/{HEADER}", message)])
    return match[1] or match[2]


def refuse_key() -> NoReturn:
    """Refuse the key on a call that makes nothing. Raises: MalformedRequest."""
    message = "this call takes none: it makes nothing that a second call could make again"
    raise MalformedRequest("the Idempotency-Key has no meaning here", [InvalidParam(f"/header/{HEADER}", message)])


async def _do(call: Call, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do the work; a refusal is an answer too."""
    try:
        return await work()
    except ClientGone:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a problem document
        problem = explain(error)
        return Reply(problem.status, problem.encode(call.request_id), CONTENT_TYPE, problem.headers)


def _is_final(reply: Reply) -> bool:
    """Tell whether an answer is the last word: not one that asks to come again."""
    return reply.status < 500 and "retry-after" not in reply.headers


def _without_secret(reply: Reply, request_id: str) -> Reply:
    """Return what is told of a call whose answer showed a secret."""
    context: Mapping[str, str] = {"location": reply.headers["location"]} if "location" in reply.headers else {}
    detail = "this call was answered before; its answer showed a secret, which is shown once and is not kept"
    problem = Problem("conflict", detail, context=context)
    return Reply(problem.status, problem.encode(request_id), CONTENT_TYPE)


def _other_body() -> KeyTaken:
    return KeyTaken("this Idempotency-Key came with another body before; another body needs another key")


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
