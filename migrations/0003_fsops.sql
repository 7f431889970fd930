-- Post-processing: the durable queue with one job per torrent, its switch, and which volume a library is.

CREATE SEQUENCE fsops_job_age;

-- `spec` and `outcome` are JSON as bytes: names of files may hold what a text cannot. `source_root` and `library_root`
-- are paths as the system has them. A job that is `forgotten` only waits for its files to be deleted.
CREATE TABLE fsops_jobs (
    torrent_id     uuid PRIMARY KEY,
    node           text NOT NULL DEFAULT 'local',
    state          text NOT NULL,
    priority       integer NOT NULL DEFAULT 0,
    age            bigint NOT NULL DEFAULT nextval('fsops_job_age'),
    attempt        integer NOT NULL DEFAULT 0,
    failures       integer NOT NULL DEFAULT 0,
    interruptions  integer NOT NULL DEFAULT 0,
    next_try_at    timestamptz,
    source_root    bytea NOT NULL,
    spec           bytea NOT NULL,
    spec_digest    text NOT NULL,
    library_root   bytea,
    outcome        bytea,
    request_id     text,
    revision       bigint NOT NULL DEFAULT 1,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fsops_jobs_state_known
        CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled', 'skipped', 'forgotten'))
);

-- Specifications are written compressed.
ALTER TABLE fsops_jobs ALTER COLUMN spec SET STORAGE EXTERNAL;

CREATE INDEX fsops_jobs_by_state ON fsops_jobs (node, state, torrent_id);

CREATE TABLE fsops_queue (
    node        text PRIMARY KEY,
    paused      boolean NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now()
);

-- The volume that was found where a library is: its marker must be there before anything is written again.
CREATE TABLE fsops_volumes (
    node        text NOT NULL DEFAULT 'local',
    root        bytea NOT NULL,
    volume_id   uuid NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node, root)
);
