"""The configuration over HTTP, as it should go."""

from __future__ import annotations

from typing import Any

from revaer.config import messages as config
from revaer.config.schema import DOCUMENT_NAMES
from revaer.throttle.messages import Violation
from tests.api.conftest import ADMIN, READER, make_view
from tests.api.control.conftest import Node, StartNode

PATCH = {"content-type": "application/merge-patch+json"}


async def test_snapshot_has_documents_keys_secrets_and_effective(node: Node) -> None:
    node.ledger.secrets["proxy"] = "planted-secret"
    answer = await node.http.get("/v1/config")
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert set(document) >= {"revision", "changed_at", "app_profile", "engine_profile", "fs_policy", "label_policies"}
    assert document["revision"] == node.ledger.revision
    assert document["changed_at"].endswith("Z")
    assert document["secrets"] == {"proxy": {"updated_at": "1970-01-01T00:00:01.000Z"}}
    assert document["effective"]["engine_profile"]["download_root"] == str(node.root / "download_root")
    assert {key["id"] for key in document["api_keys"]} >= {ADMIN.key_id}
    assert answer.headers["etag"] == f'"{node.ledger.revision}"'
    assert "planted-secret" not in answer.text
    assert "argon2" not in answer.text


async def test_known_revision_is_not_sent_again(node: Node) -> None:
    tag = (await node.http.get("/v1/config")).headers["etag"]
    for value in (tag, f'"0", W/{tag}', "*"):
        answer = await node.http.get("/v1/config", headers={"if-none-match": value})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    for value in ('"0"', tag.strip('"'), ""):
        assert (await node.http.get("/v1/config", headers={"if-none-match": value})).status_code == 200


async def test_patch_answers_the_new_snapshot_and_names_its_author(node: Node) -> None:
    before = node.ledger.revision
    body = {"engine_profile": {"max_download_bps": 5_000_000}, "secrets": {"proxy": "planted-secret"}}
    answer = await node.http.patch("/v1/config", json=body, headers={**PATCH, "x-request-id": "mine-1"})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["revision"] == before + 1
    assert document["engine_profile"]["max_download_bps"] == 5_000_000
    assert document["effective"]["derived"]["max_download_bps"] == 5_000_000
    assert document["rebind"] is False
    assert "listener" not in document
    assert answer.headers["etag"] == f'"{before + 1}"'
    assert "planted-secret" not in answer.text
    asked = node.ledger.seen
    assert isinstance(asked, config.ApplyPatch)
    assert (asked.author, asked.request_id, asked.if_match) == (ADMIN.key_id, "mine-1", None)


async def test_patch_may_be_plain_json_and_answers_when_it_holds_here(node: Node) -> None:
    answer = await node.http.patch("/v1/config", json={"app_profile": {"allowed_hosts": ["nas.example"]}})
    assert answer.status_code == 200
    assert (await node.http.get("/health", headers={"host": "nas.example"})).status_code == 200


async def test_a_change_says_what_of_it_holds_from_the_next_start_only(node: Node) -> None:
    revisions = []
    for body, expected in (
        ({"engine_profile": {"disk_io": "posix", "dht": False}}, ["/engine_profile/disk_io"]),
        ({"engine_profile": {"dht": True}}, []),
        ({"engine_profile": {"resume_dir": "/records"}}, ["/engine_profile/resume_dir"]),
    ):
        answer = (await node.http.patch("/v1/config", json=body)).json()
        assert answer["restart"] == expected
        revisions.append(answer["revision"])
    back = await node.http.post("/v1/config/rollback", json={"revision": revisions[1]})
    assert back.json()["restart"] == ["/engine_profile/resume_dir"]


async def test_patch_for_the_present_revision_is_taken(node: Node) -> None:
    for condition in (f'"{node.ledger.revision}"', f'"{node.ledger.revision + 1}"', "*"):
        body = {"engine_profile": {"max_upload_bps": len(condition)}}
        answer = await node.http.patch("/v1/config", json=body, headers={"if-match": condition})
        assert answer.status_code == 200, answer.text


async def test_patch_without_a_change_is_no_failure(node: Node) -> None:
    assert (await node.http.patch("/v1/config", json={})).status_code == 200


async def test_validation_tells_what_would_change_and_changes_nothing(node: Node) -> None:
    before = node.ledger.revision
    body = {"engine_profile": {"resume_dir": "/srv/resume"}, "app_profile": {"http_port": 7171}}
    answer = await node.http.post("/v1/config/validate", json=body, headers=PATCH)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["valid"] is True
    assert {"pointer": "/app_profile/http_port", "before": 7070, "after": 7171} in document["changes"]
    assert document["impact"] == {
        "rebind": True,
        "restart": ["/engine_profile/resume_dir"],
        "consumers": ["api", "session"],
    }
    assert node.ledger.revision == before


async def test_validation_counts_the_torrents_that_a_change_touches(start_node: StartNode) -> None:
    async with start_node() as node:
        for number, (category, tags) in enumerate(
            [("films", ("a/b",)), ("shows", ("a/b", "x")), (None, ()), ("x", ())]
        ):
            node.catalogue.add(make_view(number, category=category, tags=tags))

        async def touched(patch: dict[str, Any]) -> Any:
            answer = await node.http.post("/v1/config/validate", json=patch)
            return answer.json()["impact"].get("torrents")

        await node.http.get("/v1/torrents")
        policy = {"max_download_bps": 5}
        assert await touched({"label_policies": {"categories": {"films": policy}, "tags": {"a/b": policy}}}) == 2
        assert await touched({"label_policies": {"tags": {"other": policy}}}) == 0
        assert await touched({"engine_profile": {"max_download_bps": 5}}) == 4
        assert await touched({"engine_profile": {"sequential_default": True}}) is None
        assert await touched({"app_profile": {"instance_name": "x"}}) is None


async def test_history_is_paged_from_the_newest(node: Node) -> None:
    for number in range(4):
        body = {"engine_profile": {"max_download_bps": 100 + number}}
        await node.http.patch("/v1/config", json=body, headers={"x-request-id": f"r{number}"})
    first = (await node.http.get("/v1/config/history", params={"limit": 3})).json()
    assert [row["request_id"] for row in first["revisions"]] == ["r3", "r2", "r1"]
    row = first["revisions"][0]
    assert (row["author"], row["operation"], row["revision"]) == (ADMIN.key_id, "patch", node.ledger.revision)
    assert row["changes"] == [{"pointer": "/engine_profile/max_download_bps", "before": 102, "after": 103}]
    assert row["at"] == "2023-11-14T22:13:20.000Z"
    rest = (await node.http.get("/v1/config/history", params={"limit": 3, "before": first["next"]})).json()
    assert [row["request_id"] for row in rest["revisions"]] == ["r0"]
    assert "next" not in rest


async def test_rollback_makes_a_new_revision_of_an_old_one(node: Node) -> None:
    wanted = (await node.http.patch("/v1/config", json={"engine_profile": {"max_download_bps": 7}})).json()["revision"]
    await node.http.patch("/v1/config", json={"engine_profile": {"max_download_bps": 8}})
    body, condition = {"revision": wanted}, {"if-match": f'"{wanted + 1}"'}
    answer = await node.http.post("/v1/config/rollback", json=body, headers=condition)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert (document["revision"], document["engine_profile"]["max_download_bps"]) == (wanted + 2, 7)
    assert document["rebind"] is False


async def test_every_document_has_a_schema(node: Node) -> None:
    names = (await node.http.get("/v1/config/schema")).json()["documents"]
    assert tuple(names) == DOCUMENT_NAMES
    for name in names:
        answer = await node.http.get(f"/v1/config/schema/{name}")
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


async def test_readers_read_and_no_more(start_node: StartNode) -> None:
    async with start_node() as node:
        reader = node.client(READER)
        for path in ("/v1/config", "/v1/config/schema", "/v1/categories", "/v1/tags"):
            assert (await reader.get(path)).status_code == 200


async def test_locks_are_taken_away_only_on_the_node_by_an_admin(node: Node) -> None:
    await node.http.patch("/v1/config", json={"app_profile": {"immutable_keys": ["fs_policy.par2"]}})
    assert node.ledger.seen.on_node is True
    await node.http.patch("/v1/config", json={}, headers={"x-forwarded-for": "10.0.0.1"})
    assert node.ledger.seen.on_node is False


async def test_well_known_and_health_tell_the_revision_and_guard_rails(node: Node) -> None:
    node.tripped.append(Violation("global_download_cap", "there is no cap"))
    await node.http.patch("/v1/config", json={"engine_profile": {"max_download_bps": 7}})
    known = (await node.http.get("/.well-known/revaer.json")).json()
    assert known == {
        "name": "revaer",
        "version": "1.2.3",
        "api": "/v1",
        "mode": "active",
        "revision": node.ledger.revision,
    }
    health = (await node.http.get("/health/full")).json()
    assert health["revision"] == node.ledger.revision
    assert health["guardrails"] == [{"guardrail": "global_download_cap", "message": "there is no cap"}]
