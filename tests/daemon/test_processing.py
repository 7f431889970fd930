"""The configuration in the words of post-processing."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors import ActorRef, Bus, ChildSpec
from actors.testing import running
from revaer.config.messages import ConfigMessage, ReadSecret, SecretsUnavailable
from revaer.config.surroundings import Defaults
from revaer.daemon.inforce import InForce
from revaer.daemon.processing import FsOpsSettingsReader, policy_of
from revaer.events import Event
from revaer.fsops.policy import MoveMode, OnConflict, Par2Mode, Policy
from revaer.fsops.terms import SettingsUnavailable
from revaer.fsops.types import Limits
from tests.config.building import configured
from tests.daemon.played_config import Played, PlayedConfig

DEFAULTS = Defaults(download_root="/srv/downloads", resume_dir="/srv/resume", library_root="/srv/library")
WISHES = {
    "extract": False,
    "par2": "repair",
    "flatten": True,
    "move_mode": "move",
    "link_fallback": "fail",
    "on_conflict": "rename",
    "cleanup_keep": ["*.mkv"],
    "cleanup_drop": ["*.nfo"],
    "chmod_file": "0644",
    "chmod_dir": "755",
    "umask": "022",
    "owner": "media",
    "group": "1000",
    "allow_paths": ["/srv"],
    "archive_password_secrets": ["one", "two"],
    "limits": {"max_extracted_bytes": 1, "max_ratio": 2, "max_files": 3, "max_depth": 4, "step_timeout": 5},
}


def test_every_field_of_the_document_reaches_the_policy() -> None:
    told = configured({"fs_policy": WISHES}).fs_policy
    policy = policy_of(told, ("secret",))
    assert policy == Policy(
        extract=False,
        par2=Par2Mode.REPAIR,
        flatten=True,
        move_mode=MoveMode.MOVE,
        on_conflict=OnConflict.RENAME,
        cleanup_keep=("*.mkv",),
        cleanup_drop=("*.nfo",),
        chmod_file=told.chmod_file,
        chmod_dir=told.chmod_dir,
        umask=told.umask,
        owner="media",
        group="1000",
        allow_paths=(Path("/srv"),),
        limits=Limits(1, 2.0, 3, 4, 5),
        link_fallback="fail",
    )
    assert policy.passwords() == ("secret",)
    assert {*type(told).model_fields} - {"library_root", "archive_password_secrets"} <= {*Policy.__dataclass_fields__}


def test_defaults_of_the_document_are_those_of_the_policy() -> None:
    assert policy_of(configured().fs_policy) == Policy()


@pytest.fixture
def played() -> Played:
    bus: Bus[Event] = Bus()
    return Played(bus, DEFAULTS)


async def test_settings_are_those_in_force_with_passwords_from_named_secrets(played: Played) -> None:
    played.secrets = {"one": "first", "two": "second"}
    config: ActorRef[ConfigMessage] = ActorRef("config")
    in_force = InForce(config)
    read = FsOpsSettingsReader(config, in_force)
    async with running(ChildSpec(config, lambda: PlayedConfig(played))):
        await in_force.adopt(played.put({"fs_policy": WISHES}))
        settings = await read()
        assert settings.policy.passwords() == ("first", "second")
        assert settings.paths.library_root == Path("/srv/library")
        assert settings.paths.download_roots == (Path("/srv/downloads"),)
        assert read.moves_source()
        await in_force.adopt(played.put({"fs_policy": {"move_mode": "copy", "archive_password_secrets": []}}))
        assert (await read()).policy.move_mode is MoveMode.COPY
        assert not read.moves_source()


async def test_jobs_wait_while_a_password_cannot_be_had(played: Played) -> None:
    config: ActorRef[ConfigMessage] = ActorRef("config")
    in_force = InForce(config)
    read = FsOpsSettingsReader(config, in_force)
    async with running(ChildSpec(config, lambda: PlayedConfig(played))):
        await in_force.adopt(played.put({"fs_policy": WISHES}))
        played.faults[ReadSecret] = [SecretsUnavailable("the key file is gone")]
        with pytest.raises(SettingsUnavailable, match="the key file is gone"):
            await read()
        with pytest.raises(SettingsUnavailable, match="the secret one"):
            await read()
