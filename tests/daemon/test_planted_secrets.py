"""Nothing private ever leaves the place where it belongs: everything that a daemon writes is searched for what a test
planted, in every form in which it could have slipped out."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import trio

from revaer.database.endpoint import SUPERUSER
from revaer.database.installation import find_installation
from tests.support.daemon import LOOPBACK, Api, Daemon
from tests.support.waiting import eventually

ADMIN_KEY_FILE = "credentials.json"


class Plants:
    """The private words of one test.

    Attributes:
        words: by name.
        masked: a word within a document, which is kept there and masked everywhere else.
        answers: answers of the API that must not hold any of them.
    """

    def __init__(self) -> None:
        self.words: dict[str, str] = {}
        self.masked = "Planted-masked-51b7a0ce"
        self.answers: list[str] = []

    def plant(self, name: str, suffix: str = "") -> str:
        """Make a word that occurs nowhere else."""
        self.words[name] = f"Planted-{name}-8c1f94d2{suffix}"
        return self.words[name]

    def add(self, name: str, word: str) -> str:
        """Note a word that somebody else made."""
        self.words[name] = word
        return word

    def forms(self) -> Iterator[tuple[str, bytes]]:
        """Every form of every word. Of base64 the middle is taken, which is the same at any place in a text."""
        for name, word in self.words.items():
            raw = word.encode()
            yield name, raw
            yield f"{name} in hexadecimal", raw.hex().encode()
            yield f"{name} in UTF-16", word.encode("utf-16-le")
            yield f"{name} quoted", quote(word, safe="").encode()
            for shift in range(3):
                encoded = base64.b64encode(b"\0" * shift + raw)
                yield f"{name} in base64", encoded[4:-4]

    def found_in(self, content: bytes) -> list[str]:
        """The names of what is in a text."""
        return sorted({name for name, form in self.forms() if form in content})


async def exercise(node: Daemon, plants: Plants) -> None:
    """Set, change and misuse everything private that the API takes."""
    api = node.api
    await set_secrets(api, plants)
    await be_refused(api, plants)
    await use_keys(node, plants)
    for path in (
        "/v1/config",
        "/v1/config/history",
        "/v1/keys",
        "/health/full",
        "/metrics",
        "/.well-known/revaer.json",
    ):
        plants.answers.append((await api.http.get(path)).text)


async def set_secrets(api: Api, plants: Plants) -> None:
    """Secrets by every way in, one of them used by the engine."""
    words = {name: plants.plant(name) for name in ("proxy-name", "proxy-word", "spare")}
    proxy = {
        "kind": "socks5",
        "host": "127.0.0.1",
        "port": 1,
        "username_secret": "proxy-name",
        "password_secret": "proxy-word",
    }
    patch = {"secrets": words, "engine_profile": {"tracker": {"proxy": proxy}}}
    for call in ("/v1/config/validate", "/v1/config"):
        send = api.http.post if call.endswith("validate") else api.http.patch
        answer = await send(call, json=patch)
        assert answer.status_code == 200, answer.text
        plants.answers.append(answer.text)
    again = await api.http.patch("/v1/config", json={"secrets": {"spare": plants.plant("second")}})
    tracker = f"http://user:{plants.masked}@t.example/announce"
    extra = await api.http.patch("/v1/config", json={"engine_profile": {"tracker": {"extra": [tracker]}}})
    cleared = await api.http.patch("/v1/config", json={"engine_profile": {"tracker": {"extra": []}}})
    rotated = await api.http.post("/admin/secrets/rotate-key", json={})
    back = await api.http.post("/v1/config/rollback", json={"revision": 1})
    removed = await api.http.patch("/v1/config", json={"secrets": {"spare": None}})
    for answer in (again, extra, cleared, rotated, back, removed):
        assert answer.status_code == 200, answer.text
    plants.answers += [again.text, rotated.text, back.text, removed.text]


async def be_refused(api: Api, plants: Plants) -> None:
    """Secrets in requests that fail, each in another way."""
    word = plants.plant("refused")
    bodies: list[Any] = [
        {"secrets": {"a": word, "B!": word}},
        {"secrets": {"a": [word]}},
        {"secrets": {"a": word + "\0"}},
        {"secrets": {"a": word * 4000}},
        {"secrets": word},
        {"secrets": {"a": word}, "engine_profile": {"max_upload_bps": -1}},
        {"secret": {"a": word}},
        {"engine_profile": {"tracker": {"proxy": {"kind": word, "password": word}}}},
        {"app_profile": {"tls": {"cert_file": f"/{word}", "key_file": f"/{word}"}}},
    ]
    texts = [json.dumps(body) for body in bodies]
    texts += [f'{{"secrets": {{"a": "{word}", "a": "{word}"}}}}', f'{{"secrets": {{"a": "{word}"', f'"{word}"']
    for text in texts:
        for method, path in (("POST", "/v1/config/validate"), ("PATCH", "/v1/config")):
            answer = await api.http.request(
                method, path, content=text, headers={"content-type": "application/merge-patch+json"}
            )
            assert 400 <= answer.status_code < 500, (text[:60], answer.status_code)
            plants.answers.append(answer.text)
    stale = await api.http.patch("/v1/config", json={"secrets": {"a": word}}, headers={"if-match": '"1"'})
    assert stale.status_code == 412
    plants.answers.append(stale.text)


async def use_keys(node: Daemon, plants: Plants) -> None:
    """Keys that work, keys that are wrong, and keys where no key belongs."""
    api = node.api
    issued = (await api.http.post("/v1/keys", json={"scopes": ["read"], "label": "wall"})).json()
    first = plants.add("issued", issued["api_key"].partition(":")[2])
    rotated = (await api.http.post(f"/v1/keys/{issued['id']}/rotate", json={"grace_seconds": 60})).json()
    second = plants.add("rotated", rotated["api_key"].partition(":")[2])
    wrong = plants.plant("wrong-key")
    async with httpx.AsyncClient(base_url=node.url, timeout=20) as stranger:
        for secret in (first, second, wrong):
            for name, value in (
                ("x-revaer-api-key", f"{issued['id']}:{secret}"),
                ("authorization", f"Bearer {issued['id']}:{secret}"),
                ("authorization", f"Basic {secret}"),
                ("x-revaer-api-key", secret),
                ("x-revaer-setup-token", secret),
            ):
                for path in ("/v1/torrents", f"/v1/{quote(issued['id'])}", "/v1/keys"):
                    plants.answers.append((await stranger.get(path, headers={name: value})).text)
        await stranger.post("/admin/setup/complete", json={}, headers={"x-revaer-setup-token": wrong})
    assert (await api.http.delete(f"/v1/keys/{issued['id']}")).status_code == 204


async def dump(node: Daemon) -> bytes:
    """Everything in the database, as text."""
    program = [str(find_installation().program("pg_dump")), "-h", str(node.data_dir / "postgres" / "data")]
    done = await trio.run_process(
        [*program, "-U", SUPERUSER, SUPERUSER], capture_stdout=True, capture_stderr=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"config_history" in done.stdout
    return bytes(done.stdout)


def leaks(plants: Plants, *places: Path) -> list[str]:
    """Search files and folders; return where something was found."""
    paths = [path for place in places for path in ([place] if place.is_file() else place.rglob("*"))]
    readable = [path for path in paths if path.is_file() and not path.is_symlink()]
    return [f"{path}: {names}" for path in readable if (names := plants.found_in(path.read_bytes()))]


def test_the_search_finds_what_slipped_out_in_any_form(tmp_path: Path) -> None:
    plants = Plants()
    word = plants.plant("word")
    for number, text in enumerate(
        (word, word.encode().hex(), base64.b64encode(f"xy{word}z".encode()).decode(), json.dumps({"a": word}))
    ):
        (tmp_path / str(number)).write_text(f"before {text} after")
    (tmp_path / "clean").write_text("Planted-other")

    assert len(leaks(plants, tmp_path)) == 4


@pytest.mark.drill
async def test_nothing_private_is_anywhere_but_where_it_belongs(home: Path) -> None:
    plants = Plants()
    at_setup = plants.plant("at-setup")
    node = Daemon(
        home / "node",
        changeset={"secrets": {"from-the-changeset": at_setup}},
        variables={"REVAER_LOG_LEVEL": "debug"},
        files=home / "beside",
    )
    try:
        await node.start()
        plants.add("admin-key", node.key().partition(":")[2])
        await exercise(node, plants)
        await until_engine_has(node)
        dumped = await dump(node)
        await node.kill()
        await node.start()
        await go_back_and_set_up_again(node, plants)
        assert await node.stop() == 0
    finally:
        await node.close()

    (home / "beside" / "node.bootstrap.json").unlink()
    assert plants.found_in(dumped) == []
    answers = "\n".join(plants.answers)
    assert plants.found_in(answers.encode()) == []
    assert plants.masked not in answers + node.log.read_text()
    found = await trio.to_thread.run_sync(leaks, plants, home / "node", home / "beside")
    key_file = home / "node" / ADMIN_KEY_FILE
    assert found == [f"{key_file}: {plants.found_in(key_file.read_bytes())}"]
    assert {name.partition(" ")[0] for name in plants.found_in(key_file.read_bytes())} == {"new-admin-key"}


async def until_engine_has(node: Daemon) -> None:
    """Wait until the last revision is in the engine: it was told the proxy's words then, if ever."""

    async def settled() -> bool:
        return bool((await node.api.component("config_watcher"))["state"] == "up")

    await eventually(settled, "settings in the engine")


async def go_back_and_set_up_again(node: Daemon, plants: Plants) -> None:
    """A factory reset, a setup with wrong tokens and wrong changesets, and one that succeeds."""
    reset = await node.api.http.post("/admin/factory-reset", json={"confirm": "factory reset"})
    assert reset.status_code == 200, reset.text
    async with httpx.AsyncClient(base_url=node.url, timeout=20) as http:
        token = plants.add("token", (await http.post("/admin/setup/start", json={})).json()["token"])
        word = plants.plant("late")

        async def complete(presented: str, body: dict[str, Any], status: int) -> Any:
            headers = {"x-revaer-setup-token": presented}
            answer = await http.post("/admin/setup/complete", json=body, headers=headers)
            assert answer.status_code == status, answer.text
            plants.answers.append(json.dumps(answer.json()["snapshot"]) if status == 200 else answer.text)
            return answer.json()

        await complete("A" * 32, {"secrets": {"a": word}}, 401)
        await complete(plants.plant("no-token"), {"secrets": {"a": word}}, 401)
        await complete(token, {"secrets": {"a": word, "B!": word}}, 422)
        done = await complete(token, {"secrets": {"a": word}, "engine_profile": dict(LOOPBACK)}, 200)
        await complete(token, {"secrets": {"a": word}}, 401)
        plants.add("new-admin-key", done["api_key"].partition(":")[2])
        headers = {"x-revaer-api-key": done["api_key"]}
        plants.answers.append((await http.get("/v1/config/history", headers=headers)).text)
    path = node.data_dir / ADMIN_KEY_FILE
    path.write_text(json.dumps({"api_url": node.url, "api_key": done["api_key"]}))
