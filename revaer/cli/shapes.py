"""What each command writes with `--output json`, for the manual. Torrents, files and the like are those of the API."""

from __future__ import annotations

from collections.abc import Mapping

_TRACKERS = "`{trackers: […]}`, as they are afterwards"
_SNAPSHOT = "The configuration afterwards, with `revision` and `effective`"
_VALIDATION = "`{changes: […], impact}` as `POST /v1/config/validate` answers"
_IMPORT = (
    "`{program, dry_run, results: [{source, name, outcome, id?, percent_complete?, download_dir?, left_behind?, "
    "reason?, problem?}]}`; `outcome` is `carried`, `would be carried`, `here already`, `refused` or `left`."
)
_JOB = "The job, as `GET /v1/torrents/{id}/fsops` answers"

SHAPES: Mapping[str, str] = {
    "add": (
        "The torrent. For several sources, a pattern or a list: `{results: [{source, id, info_hash} | {source, "
        "problem}]}`."
    ),
    "ls": "`{torrents: […], next?}`; with `--fields` each torrent has those and its `id`.",
    "status": (
        "The torrent with `files`, `settings` and `fsops`. With `--follow` a line per change: `{id, state, "
        "bytes_downloaded, bytes_total, percent_complete, eta_seconds, download_bps, upload_bps, ratio}`."
    ),
    "files": "`{files: […]}`.",
    "peers": "`{peers: […]}`.",
    "trackers ls": "`{trackers: […]}`.",
    "trackers add": f"{_TRACKERS}.",
    "trackers rm": f"{_TRACKERS}.",
    "trackers set": f"{_TRACKERS}.",
    "pieces": (
        "`{count, piece_length, have_count, have, availability?}`; `have` is base64, one bit per piece, the first the "
        "highest."
    ),
    "select": "The torrent with its `files`.",
    "edit": "The torrent. For several: `{results: [{id, torrent} | {id, problem}]}`.",
    "action": (
        "`{id, type, …}` with what the action was given. For several ids or a filter: `{type, …, results: [{id} | "
        "{id, problem}]}`."
    ),
    "rm": (
        "`{delete_data, results: [{id} | {id, problem}]}`; with `--dry-run` `{dry_run, delete_data, torrents: [{id, "
        "name, content_path}]}`. `revaer action remove` writes the same."
    ),
    "create": "`{file, info_hash, …}`; with `--to -` the answer of the API with its `metainfo` in base64.",
    "dashboard": "The answer of `GET /v1/dashboard`.",
    "top": "A line per table: `{timestamp, totals: {torrents, states, download_bps, upload_bps}, torrents: […]}`.",
    "tail": (
        "A line per event: its envelope `{id, timestamp, request_id?, event: {type, …}}`. Where events were missed: "
        '`{event: {type: "reset", reason}}` or `{event: {type: "lagged", count}}`.'
    ),
    "timeline": "`{events: […], next?}`, the envelopes of the events.",
    "logs": "A line per line of the log.",
    "fsops ls": "`{jobs: […], next?}`.",
    "fsops show": f"{_JOB}.",
    "fsops plan": "The plan, as `GET /v1/torrents/{id}/fsops/plan` answers.",
    "fsops retry": f"{_JOB}.",
    "fsops cancel": f"{_JOB}.",
    "fsops pause": "`{paused, queued, running}`.",
    "fsops resume": "`{paused, queued, running}`.",
    "fsops verify": "The report, as `POST /v1/fsops/verify` answers.",
    "config get": "The value.",
    "config set": f"{_SNAPSHOT}; with `--dry-run` as `config validate`.",
    "config validate": f"{_VALIDATION}.",
    "config history": "`{revisions: […], …}`.",
    "config rollback": f"{_SNAPSHOT}; with `--dry-run` as `config validate`.",
    "config schema": "The JSON Schema of a document, or of all of them by name.",
    "labels ls": "`{categories: {name: policy}, tags: {name: policy}}`.",
    "labels set": "The policy.",
    "labels rm": "`{kind, name}`; with `--dry-run` `{dry_run, kind, name, policy}`.",
    "keys ls": "`{keys: […]}`.",
    "keys issue": "The key with `api_key`, or with `saved_to`.",
    "keys rotate": "The key with `api_key`, or with `saved_to`.",
    "keys revoke": "`{revoked: [id]}`; with `--dry-run` `{dry_run, keys: […]}`.",
    "secrets ls": "`{secrets: {name: …}}`, never their values.",
    "secrets set": "`{name, revision}`.",
    "secrets rm": "`{name, revision}`; with `--dry-run` `{dry_run, name}`.",
    "secrets rotate-key": "`{secrets: count}`.",
    "import qbittorrent": _IMPORT,
    "import transmission": _IMPORT,
    "backup": "`{file, bytes, version, made_at, torrents, records, events, rows: {table: number}}`.",
    "restore": "`{file, data_dir, version, made_at, torrents, records, events, rows}`; no `data_dir` for `--check`.",
    "serve": 'One line when it serves, with or without `--output json`: `{event: "ready", url}`.',
    "setup": "`{snapshot, api_key_id, api_key_expires_at, credentials}`.",
    "setup start": "`{token, expires_at}`.",
    "setup complete": "`{snapshot, api_key_id, api_key_expires_at, credentials}`.",
    "health": "The answer of `GET /health/full`; with `--live` that of `GET /health/live`.",
    "browse": "`{path?, parent?, entries: […], next?}`, as `GET /v1/fs/browse` answers.",
    "metrics": (
        "`{metrics: [{name, type, help, samples: [{name, labels, value}]}]}`; values without a number are text."
    ),
    "demo": "The report: what was made, downloaded, kept and verified.",
    "factory-reset": (
        "The configuration afterwards; with `--dry-run` `{dry_run, torrents_stopped, keys_deleted, secrets_deleted}`."
    ),
    "completion": "`{shell, script}`.",
}
"""What is written, by the command's name with that of its group."""
