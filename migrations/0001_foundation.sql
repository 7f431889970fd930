-- Intents: the torrents that should exist. Engine state lives in the node's resume directory.
CREATE TABLE torrents (
    id            uuid PRIMARY KEY,
    node          text NOT NULL DEFAULT 'local',
    info_hash_v1  text,
    info_hash_v2  text,
    magnet        text,
    metainfo      bytea,
    options       jsonb NOT NULL,
    added_at      timestamptz NOT NULL,
    completed_at  timestamptz,
    removing      jsonb,
    revision      bigint NOT NULL DEFAULT 1,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT torrents_info_hash_v1_unique UNIQUE (node, info_hash_v1),
    CONSTRAINT torrents_info_hash_v2_unique UNIQUE (node, info_hash_v2),
    CONSTRAINT torrents_info_hash_v1_form CHECK (info_hash_v1 ~ '^[0-9a-f]{40}$'),
    CONSTRAINT torrents_info_hash_v2_form CHECK (info_hash_v2 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT torrents_info_hash_present CHECK (info_hash_v1 IS NOT NULL OR info_hash_v2 IS NOT NULL),
    CONSTRAINT torrents_source_present CHECK (magnet IS NOT NULL OR metainfo IS NOT NULL)
);

-- Piece hashes do not compress: skip the attempt, keep them out of the main table.
ALTER TABLE torrents ALTER COLUMN metainfo SET STORAGE EXTERNAL;

CREATE TABLE api_keys (
    key_id       text PRIMARY KEY,
    label        text NOT NULL DEFAULT '',
    scopes       text[] NOT NULL,
    secret_hash  text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz
);
