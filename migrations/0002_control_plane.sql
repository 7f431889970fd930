-- The control plane: one revision for every change, the documents, their history, keys, secrets and the setup token.

-- The one row that every change locks. The revision never goes back, not even at a factory reset.
CREATE TABLE config_revision (
    singleton   boolean PRIMARY KEY DEFAULT true,
    revision    bigint NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT config_revision_single CHECK (singleton),
    CONSTRAINT config_revision_positive CHECK (revision >= 0)
);
INSERT INTO config_revision (revision) VALUES (0);

-- What differs from the defaults, per document. A daemon leaves documents and fields alone that it does not know.
CREATE TABLE config_documents (
    name      text PRIMARY KEY,
    body      jsonb NOT NULL,
    revision  bigint NOT NULL,
    CONSTRAINT config_documents_object CHECK (jsonb_typeof(body) = 'object')
);

-- Every body that a document ever had: what a rollback reads.
CREATE TABLE config_versions (
    name      text NOT NULL,
    revision  bigint NOT NULL,
    body      jsonb NOT NULL,
    PRIMARY KEY (name, revision)
);

-- Who changed what, with secrets masked. `change_id` tells a writer whose commit went unanswered what became of it.
CREATE TABLE config_history (
    revision    bigint PRIMARY KEY,
    change_id   uuid NOT NULL,
    at          timestamptz NOT NULL,
    author      text NOT NULL,
    request_id  text,
    operation   text NOT NULL,
    changes     jsonb NOT NULL,
    CONSTRAINT config_history_change_unique UNIQUE (change_id)
);

ALTER TABLE api_keys
    ADD COLUMN rate_burst        integer,
    ADD COLUMN rate_per_seconds  double precision,
    ADD COLUMN rotated_at        timestamptz,
    ADD COLUMN previous_hash     text,
    ADD COLUMN grace_until       timestamptz,
    ADD CONSTRAINT api_keys_rate_whole CHECK ((rate_burst IS NULL) = (rate_per_seconds IS NULL)),
    ADD CONSTRAINT api_keys_rate_positive CHECK (rate_burst > 0 AND rate_per_seconds > 0),
    ADD CONSTRAINT api_keys_grace_whole CHECK ((previous_hash IS NULL) = (grace_until IS NULL));

CREATE TABLE secrets (
    name        text PRIMARY KEY,
    envelope    bytea NOT NULL,
    updated_at  timestamptz NOT NULL
);

-- At most one token; a new one takes the place of the old.
CREATE TABLE setup_token (
    singleton   boolean PRIMARY KEY DEFAULT true,
    token_id    uuid NOT NULL,
    token_hash  text NOT NULL,
    issued_by   text NOT NULL,
    issued_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    CONSTRAINT setup_token_single CHECK (singleton)
);
