"""The listener's certificate is tried before it comes into force, whatever way it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from revaer.config.messages import CompleteSetup, ConfigInvalid, Rollback, ValidatePatch
from revaer.config.surroundings import Surroundings
from tests.config.store.conftest import RunConfig, RunningConfig
from tests.config.store.faults import WatchedDatabase

TLS = {"app_profile": {"tls": {"cert_file": "/tls/cert.pem", "key_file": "/tls/key.pem"}}}
WRONG = ("key_file", "belongs to another certificate")


class Files:
    """What a look at the files says."""

    problem: tuple[str, str] | None = None

    def look(self, cert_file: str, key_file: str) -> tuple[str, str] | None:
        assert (cert_file, key_file) == ("/tls/cert.pem", "/tls/key.pem")
        return self.problem


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
async def node(
    database: WatchedDatabase, run_config: RunConfig, tmp_path: Path, files: Files
) -> AsyncIterator[RunningConfig]:
    async with run_config(database, tmp_path, surroundings=Surroundings(certificate=files.look)) as config:
        yield config


def refused(caught: pytest.ExceptionInfo[ConfigInvalid]) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.message) for problem in caught.value.problems]


async def test_a_patch_and_its_trial_are_refused(node: RunningConfig, files: Files) -> None:
    files.problem = WRONG
    with pytest.raises(ConfigInvalid) as caught:
        await node.patch(TLS)
    trial = await node.ask(ValidatePatch(TLS))
    expected = [("/app_profile/tls/key_file", "belongs to another certificate")]
    assert refused(caught) == [(one.pointer, one.message) for one in trial.problems] == expected
    files.problem = None
    assert (await node.patch(TLS)).revision == 1


async def test_a_rollback_to_files_that_went_bad_is_refused(node: RunningConfig, files: Files) -> None:
    good = await node.patch(TLS)
    await node.patch({"app_profile": {"tls": None}})
    files.problem = WRONG
    with pytest.raises(ConfigInvalid) as caught:
        await node.ask(Rollback(good.revision))
    assert refused(caught) == [("/app_profile/tls/key_file", "belongs to another certificate")]
    files.problem = None
    assert (await node.ask(Rollback(good.revision))).revision == 3


async def test_a_setup_with_bad_files_is_refused_and_its_token_stays_good(node: RunningConfig, files: Files) -> None:
    token = (await node.start_setup()).clear
    files.problem = WRONG
    with pytest.raises(ConfigInvalid) as caught:
        await node.ask(CompleteSetup(token, TLS))
    assert refused(caught) == [("/app_profile/tls/key_file", "belongs to another certificate")]
    files.problem = None
    assert (await node.ask(CompleteSetup(token, TLS))).snapshot.revision == 1


async def test_another_setting_changes_while_the_files_are_away(node: RunningConfig, files: Files) -> None:
    await node.patch(TLS)
    files.problem = WRONG
    assert (await node.patch({"app_profile": {"instance_name": "other"}})).revision == 2
