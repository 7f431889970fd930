-- Answers to calls that came with an Idempotency-Key, so that the same call again does not do the work again.

-- A row is there before the work begins. `seed` is what the ids of the things to be made follow from: who takes an
-- interrupted call up again makes the same things. Without a status there is no answer yet.
CREATE TABLE idempotency_keys (
    node          text NOT NULL DEFAULT 'local',
    owner         text NOT NULL,
    route         text NOT NULL,
    key           text NOT NULL,
    digest        bytea NOT NULL,
    seed          uuid NOT NULL,
    made_at       timestamptz NOT NULL,
    status        smallint,
    content_type  text,
    headers       jsonb,
    size          bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (node, owner, route, key),
    CONSTRAINT idempotency_keys_seed_unique UNIQUE (seed),
    CONSTRAINT idempotency_keys_answer_whole CHECK (num_nulls(status, content_type, headers) IN (0, 3))
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (made_at);

-- The bodies of answers, in parts: one large value would hold up whoever writes or reads it.
CREATE TABLE idempotency_parts (
    seed  uuid NOT NULL REFERENCES idempotency_keys (seed) ON DELETE CASCADE,
    part  integer NOT NULL,
    data  bytea NOT NULL,
    PRIMARY KEY (seed, part)
);
ALTER TABLE idempotency_parts ALTER COLUMN data SET STORAGE EXTERNAL;
