"""How often and how long: every interval and deadline of the session in one place, so that tests can own them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals and deadlines, all in seconds.

    Attributes:
        tick: how often the engine is asked what changed.
        soon: the shortest time between two such questions, however often somebody wants to know sooner.
        busy_share: at most this share of the time goes into statuses; a larger catalogue is asked less often.
        stall: after this time without news a rate counts as zero.
        smoothing: time constant of the rate behind the ETA.
        engine: how long an engine call may take.
        engine_files: the same for calls that delete payload.
        engine_settings: the same for a change of settings: a long blocklist takes a while.
        store: how long the resume store may take for one request.
        load: the same for loading everything.
        retry: pause before something that is away is asked again.
        retry_max: the longest such pause.
        disk: how long one look at a directory may take.
        directories: how long a directory that was good is not looked at again for adds.
        interfaces: how often the network that the engine is bound to is looked at.
        interfaces_look: how long one such look may take.
        fsops: how long post-processing may take for one request.
        fsops_stop: the same for requests that may have to stop a job.
        jobs: how often jobs are asked after though nothing was heard of them.
        processing: how long a move waits for the end of post-processing.
        sentinel: how often the directories of running torrents are looked at.
        record_interval: how often records of changed torrents are saved.
        record_seeds: how often the record of a torrent that seeds is saved, busy or not: seeding counts across crashes.
        record_answer: how long the engine may take to answer for a record before it is asked again.
        rescue: how long a crashed session may take to save records and close its engine.
        listing: how long a request waits for the catalogue to be loaded at a start.
        blocklist_fetch: how long fetching a blocklist may take.
        blocklist_silence: how long its server may be silent.
        blocklist_retry: pause after a first failure to fetch it; it doubles.
        blocklist_retry_max: the longest such pause.
        stop: how long an orderly stop may take when nobody set a deadline.
    """

    tick: float = 0.25
    soon: float = 0.02
    busy_share: float = 0.2
    stall: float = 3.0
    smoothing: float = 8.0
    engine: float = 10.0
    engine_files: float = 60.0
    engine_settings: float = 30.0
    store: float = 10.0
    load: float = 120.0
    retry: float = 2.0
    retry_max: float = 60.0
    disk: float = 10.0
    directories: float = 2.0
    interfaces: float = 1.0
    interfaces_look: float = 2.0
    fsops: float = 10.0
    fsops_stop: float = 30.0
    jobs: float = 10.0
    processing: float = 30.0
    sentinel: float = 10.0
    record_interval: float = 60.0
    record_seeds: float = 1800.0
    record_answer: float = 15.0
    rescue: float = 3.0
    listing: float = 5.0
    blocklist_fetch: float = 300.0
    blocklist_silence: float = 30.0
    blocklist_retry: float = 60.0
    blocklist_retry_max: float = 3600.0
    stop: float = 14.0
