"""The fake daemon's control plane: configuration, keys, labels, setup. It keeps what it is told."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from revaer.config.merge_patch import merge_patch
from tests.support.fake_api import KEY, SINCE, Answer, FakeApi, Request, problem

NOW = "2024-05-02T12:00:00Z"
TOKEN = "t" * 32
ADMIN_KEY = "rk_admin:clear-admin-secret"
DOCUMENTS: Mapping[str, Any] = {
    "app_profile": {"instance_name": "revaer", "mode": "active", "http_port": 7070, "trusted_proxies": [], "tls": None},
    "engine_profile": {"listen_port": 6881, "dht": True, "max_download_bps": None, "tracker": {"extra": []}},
    "fs_policy": {"library_root": None},
    "label_policies": {"categories": {}, "tags": {}},
}
SCHEMAS: Mapping[str, Any] = {
    "fs_policy": {
        "$defs": {
            "Limits": {
                "properties": {"max_depth": {"type": "integer", "default": 3, "description": "Nested archives."}},
                "type": "object",
            }
        },
        "properties": {
            "library_root": {
                "anyOf": [{"type": "string"}, {"type": "null"}],
                "default": None,
                "description": "Where finished entries go.",
            },
            "move_mode": {"enum": ["hardlink", "copy"], "type": "string", "default": "hardlink", "description": "How."},
            "limits": {"$ref": "#/$defs/Limits", "description": "Bounds."},
        },
        "type": "object",
    }
}


def changes_between(before: Any, after: Any, place: str = "") -> Iterator[dict[str, Any]]:
    """What differs, as the wire has it."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from changes_between(before.get(name), after.get(name), f"{place}/{name}")
    elif before != after:
        yield {"pointer": place, "before": before, "after": after}


class FakeNode(FakeApi):
    """A fake daemon with a control plane.

    Attributes:
        mode: `setup` or `active`.
        revision: grows with every change.
        documents: what is in force.
        history: revisions as the wire has them, the newest first, and the documents of each by revision.
        keys: keys by id, as the wire has them.
        secrets: values by name.
        token: the setup token that counts.
        listener: what is said of the listener when it moves.
        jobs: jobs of post-processing by torrent, as the wire has them.
        is_paused: whether their queue is.
        reports: what verifications answer, in their turn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.revision = 7
        self.documents: dict[str, Any] = copy.deepcopy(dict(DOCUMENTS))
        self.history: list[dict[str, Any]] = []
        self.versions = {7: copy.deepcopy(self.documents)}
        self.keys: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, str] = {}
        self.token: str | None = None
        self.listener: dict[str, str] | None = {"url": "http://127.0.0.1:7171"}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.is_paused = False
        self.reports: list[dict[str, Any]] = []

    @property
    def mode(self) -> str:
        """Whether the setup is still to come."""
        mode: str = self.documents["app_profile"]["mode"]
        return mode

    @mode.setter
    def mode(self, value: str) -> None:
        self.documents["app_profile"]["mode"] = value

    def add_key(self, key_id: str, **more: Any) -> dict[str, Any]:
        """Let it have a key."""
        self.keys[key_id] = {"id": key_id, "label": "", "scopes": ["read"], "created_at": SINCE, **more}
        return self.keys[key_id]

    def change(self, wanted: dict[str, Any], operation: str = "patch") -> None:
        """Make a revision."""
        changes = list(changes_between(self.documents, wanted))
        self.revision += 1
        self.documents = wanted
        self.versions[self.revision] = copy.deepcopy(wanted)
        entry = {"revision": self.revision, "at": NOW, "author": "rk_test", "request_id": "req-1"}
        self.history.insert(0, entry | {"operation": operation, "changes": changes})

    def patch(self, patch: Mapping[str, Any], operation: str = "patch") -> None:
        """Make a revision by a merge patch."""
        for name, value in patch.get("secrets", {}).items():
            if value is None:
                self.secrets.pop(name, None)
            else:
                self.secrets[name] = value
        self.change(self._patched(patch), operation)

    def snapshot(self) -> dict[str, Any]:
        """What is in force, as the wire has it."""
        effective = self.documents | {"derived": {"api": {"endpoint": "127.0.0.1:7070"}}}
        return {
            "revision": self.revision,
            "changed_at": NOW,
            **self.documents,
            "api_keys": list(self.keys.values()),
            "secrets": {name: {"updated_at": NOW} for name in self.secrets},
            "effective": effective,
        }

    def _answer(self, request: Request) -> Answer:
        if self.next_answers:
            return self.next_answers.popleft()
        parts = [unquote(part) for part in request.path.split("/")[1:]]
        if parts == [".well-known", "revaer.json"]:
            facts = {"name": "revaer", "version": "0.1.0", "api": "/v1", "mode": self.mode, "revision": self.revision}
            return Answer(200, facts)
        if parts[:2] == ["admin", "setup"]:
            return self._setup(request, parts[2])
        if parts[0] == "v1" and self.mode == "setup":
            return problem(409, "Setup required", "the node waits for its setup")
        places = ("config", "keys", "categories", "tags", "fsops")
        is_job = parts[:2] == ["v1", "torrents"] and parts[3:4] == ["fsops"]
        known = parts[0] == "admin" or is_job or parts[:2] in (["v1", name] for name in places)
        if not known:
            return super()._answer(request)
        if request.headers.get("x-revaer-api-key") != KEY:
            return problem(401, "Unauthorized", "this key is not known", instance="req-401")
        return self._control(request, parts) or problem(404, "Not found", request.path)

    def _control(self, request: Request, parts: list[str]) -> Answer | None:
        match request.method, parts:
            case "POST", ["admin", "factory-reset"] if request.body == {"confirm": "factory reset"}:
                self.secrets, self.keys = {}, {}
                self.patch({"app_profile": {"mode": "setup"}}, "factory_reset")
                return Answer(202, self.snapshot())
            case "POST", ["admin", "secrets", "rotate-key"]:
                return Answer(200, {"secrets": len(self.secrets)})
            case _, ["v1", "config", *rest]:
                return self._stale(request) or self._config(request, rest)
            case _, ["v1", "keys", *rest]:
                return self._keys(request, rest)
            case _, ["v1", "fsops", *rest]:
                return self._jobs(request, rest)
            case _, ["v1", "torrents", key, "fsops", *rest] if key in self.jobs:
                return self._job(request, self.jobs[key], rest)
            case _, ["v1", "torrents", *_]:
                return None
            case _, ["v1", kind, *rest]:
                return self._stale(request) or self._labels(request, kind, rest)
        return None

    def _setup(self, request: Request, step: str) -> Answer:
        assert "x-revaer-api-key" not in request.headers, "a setup needs no key"
        if self.mode != "setup":
            return problem(409, "Conflict", "the setup has been completed already")
        if step == "start":
            self.token = TOKEN
            return Answer(201, {"token": TOKEN, "expires_at": "2024-05-02T12:15:00Z"})
        if self.token is None or request.headers.get("x-revaer-setup-token") != self.token:
            return problem(401, "Unauthorized", "the setup token is not valid")
        if refusal := self._invalid(request.body):
            return refusal
        self.token = None
        self.patch(request.body | {"app_profile": {**request.body.get("app_profile", {}), "mode": "active"}})
        key = {"api_key": ADMIN_KEY, "api_key_expires_at": "2024-07-31T12:00:00Z"}
        return Answer(200, {"snapshot": self.snapshot(), **key})

    def _stale(self, request: Request) -> Answer | None:
        expected = request.headers.get("if-match")
        if expected is None or expected == f'"{self.revision}"':
            return None
        context = {"expected": int(expected.strip('"')), "current": self.revision}
        detail = f"the configuration is at revision {self.revision}"
        return problem(412, "Precondition failed", detail, context=context)

    def _config(self, request: Request, rest: list[str]) -> Answer | None:
        match request.method, rest:
            case "GET", []:
                unchanged = request.headers.get("if-none-match") == f'"{self.revision}"'
                return Answer(304) if unchanged else Answer(200, self.snapshot())
            case "PATCH", []:
                return self._invalid(request.body) or self._apply(request.body)
            case "POST", ["validate"]:
                changes = list(changes_between(self.documents, self._patched(request.body)))
                effects = {"rebind": "http_port" in str(request.body), "restart": [], "consumers": ["api", "session"]}
                answer = {"valid": True, "changes": changes, "impact": effects}
                return self._invalid(request.body) or Answer(200, answer)
            case "GET", ["history"]:
                return self._history(request.params)
            case "POST", ["rollback"]:
                return self._roll_back(request.body["revision"])
            case "GET", ["schema"]:
                return Answer(200, {"documents": list(SCHEMAS)})
            case "GET", ["schema", name] if name in SCHEMAS:
                return Answer(200, SCHEMAS[name], "application/schema+json")
        return None

    def _invalid(self, patch: Mapping[str, Any]) -> Answer | None:
        """What is wrong with a patch; the message does not repeat the value."""
        wrong = [
            {"pointer": f"/{document}/{name}", "message": "is no field here"}
            for document, fields in patch.items()
            if document in DOCUMENTS
            for name in fields
            if name not in DOCUMENTS[document]
        ]
        wrong += [{"pointer": f"/{name}", "message": "is no document"} for name in patch if name not in _PATCHED]
        return problem(422, "Config invalid", "nothing was changed", invalid_params=wrong) if wrong else None

    def _patched(self, patch: Mapping[str, Any]) -> dict[str, Any]:
        present = copy.deepcopy(self.documents)
        wanted = {
            name: merge_patch(present[name], part)
            for name, part in patch.items()
            if isinstance(part, dict) and name in present
        }
        gone = {
            name: {key: value for key, value in DOCUMENTS[name].items() if key not in wanted[name]} for name in wanted
        }
        return present | {name: body | gone[name] for name, body in wanted.items()}

    def _apply(self, patch: dict[str, Any]) -> Answer:
        self.patch(patch)
        moved: dict[str, Any] = {"rebind": "http_port" in patch.get("app_profile", {})}
        if moved["rebind"]:
            moved["listener"] = self.listener
        return Answer(200, self.snapshot() | moved, headers={"etag": f'"{self.revision}"'})

    def _history(self, params: Mapping[str, str]) -> Answer:
        limit, before = int(params.get("limit", "50")), int(params.get("before", "1000000"))
        rows = [entry for entry in self.history if entry["revision"] < before]
        page: dict[str, Any] = {"revisions": rows[:limit]}
        return Answer(200, page | ({"next": rows[limit - 1]["revision"]} if len(rows) > limit else {}))

    def _roll_back(self, revision: int) -> Answer:
        if revision not in self.versions:
            return problem(404, "Not found", f"there is no revision {revision}")
        self.change(copy.deepcopy(self.versions[revision]), "rollback")
        return Answer(200, self.snapshot())

    def _keys(self, request: Request, rest: list[str]) -> Answer | None:
        match request.method, rest:
            case "GET", []:
                return Answer(200, {"keys": list(self.keys.values())})
            case "POST", []:
                expires = {"expires_at": "2024-07-31T12:00:00Z"} if request.body.get("expires_in_seconds", 1) else {}
                fields = {
                    name: value for name, value in request.body.items() if name in ("label", "scopes", "rate_limit")
                }
                key = self.add_key("rk_new", **fields, **expires)
                return Answer(201, key | {"api_key": "rk_new:clear-secret"}, headers={"location": "/v1/keys/rk_new"})
            case "POST", [key_id, "rotate"] if key_id in self.keys:
                self.keys[key_id] |= {"rotated_at": NOW, "grace_until": "2024-05-02T13:00:00Z"}
                return Answer(200, self.keys[key_id] | {"api_key": f"{key_id}:rotated-secret"})
            case "DELETE", [key_id] if key_id in self.keys:
                del self.keys[key_id]
                return Answer(204)
        return None

    def add_job(self, torrent_id: str, state: str = "queued", **more: Any) -> dict[str, Any]:
        """Let a torrent have a job."""
        job = {"torrent_id": torrent_id, "state": state, "attempt": 1, "priority": 0, "updated_at": NOW, **more}
        self.jobs[torrent_id] = job
        return job

    def _jobs(self, request: Request, rest: list[str]) -> Answer | None:
        match request.method, rest:
            case "GET", []:
                wanted = request.params.get("state", "").split(",") if "state" in request.params else None
                rows = [job for job in self.jobs.values() if wanted is None or job["state"] in wanted]
                start, limit = int(request.params.get("cursor", "0")), int(request.params.get("limit", "50"))
                page: dict[str, Any] = {"jobs": rows[start : start + limit]}
                return Answer(200, page | ({"next": str(start + limit)} if start + limit < len(rows) else {}))
            case "POST", ["pause" | "resume" as word]:
                self.is_paused = word == "pause"
                return Answer(200, {"paused": self.is_paused, "queued": len(self.jobs), "running": 0})
            case "POST", ["verify"]:
                report = self.reports.pop(0)
                return Answer(200 if report["finished"] else 202, report)
        return None

    def _job(self, request: Request, job: dict[str, Any], rest: list[str]) -> Answer | None:
        match request.method, rest:
            case "GET", []:
                return Answer(200, job)
            case "GET", ["plan"]:
                steps = [{"name": "transfer", "action": "run", "reason": "3 files are linked"}]
                plan = {"torrent_id": job["torrent_id"], "policy_digest": "d", "steps": steps, "entry": "/library/Film"}
                return Answer(200, plan | ({"problem": job["error"]} if "error" in job else {}))
            case "POST", ["retry"]:
                return Answer(200, job | {"state": "queued"})
            case "POST", ["cancel"] if job["state"] in ("queued", "running"):
                return Answer(200, job | {"state": "cancelled"})
            case "POST", ["cancel"]:
                return problem(409, "Conflict", "the job is over already")
        return None

    def _labels(self, request: Request, kind: str, rest: list[str]) -> Answer | None:
        policies = self.documents["label_policies"][kind]
        match request.method, rest:
            case "GET", []:
                return Answer(200, {kind: policies})
            case "PUT", [name]:
                is_new = name not in policies
                self.patch({"label_policies": {kind: {name: request.body}}}, "put_label_policy")
                return Answer(201 if is_new else 200, request.body)
            case "GET", [name] if name in policies:
                return Answer(200, policies[name])
            case "DELETE", [name] if name in policies:
                self.patch({"label_policies": {kind: {name: None}}}, "put_label_policy")
                return Answer(204)
        return None


_PATCHED = {*DOCUMENTS, "secrets", "api_keys"}
