-- The journal: every event that is kept, which starts of the daemon wrote it, and what is missing from it.

-- Facts of the torrent are as of the event: filters of a replay decide by them. `envelope` is JSON as streams carry it;
-- text, because a name may hold what `jsonb` cannot. `is_origin`: the torrent came into being with this event.
CREATE TABLE journal_events (
    node         text NOT NULL DEFAULT 'local',
    epoch        bigint NOT NULL,
    seq          bigint NOT NULL,
    at           timestamptz NOT NULL,
    kind         text NOT NULL,
    request_id   text,
    torrent_id   uuid,
    info_hashes  text[] NOT NULL DEFAULT '{}',
    state        text,
    category     text,
    tags         text[] NOT NULL DEFAULT '{}',
    is_origin    boolean NOT NULL DEFAULT false,
    envelope     text NOT NULL,
    PRIMARY KEY (node, epoch, seq)
);

CREATE INDEX journal_events_by_torrent ON journal_events (node, torrent_id, epoch, seq) WHERE torrent_id IS NOT NULL;

-- Starts of the daemon. One without an end was cut off: nobody knows what it published last.
CREATE TABLE journal_runs (
    node        text NOT NULL DEFAULT 'local',
    epoch       bigint NOT NULL,
    run_id      uuid NOT NULL,
    started_at  timestamptz NOT NULL,
    last_seq    bigint,
    ended_at    timestamptz,
    PRIMARY KEY (node, epoch),
    CONSTRAINT journal_runs_end_whole CHECK ((last_seq IS NULL) = (ended_at IS NULL))
);

-- Stretches from which events may be missing, both ends included.
CREATE TABLE journal_gaps (
    node        text NOT NULL DEFAULT 'local',
    epoch       bigint NOT NULL,
    from_seq    bigint NOT NULL,
    to_epoch    bigint NOT NULL,
    to_seq      bigint NOT NULL,
    reason      text NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node, epoch, from_seq),
    CONSTRAINT journal_gaps_forward CHECK ((epoch, from_seq) <= (to_epoch, to_seq))
);

-- Up to here, this event included, nothing is kept any more.
CREATE TABLE journal_floor (
    node   text PRIMARY KEY,
    epoch  bigint NOT NULL,
    seq    bigint NOT NULL
);
