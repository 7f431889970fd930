"""The configuration in the words of post-processing, and the parts that jobs are done with."""

from __future__ import annotations

from pathlib import Path

from actors import ActorError, ActorRef
from revaer.config.documents import FsPolicy
from revaer.config.messages import ConfigMessage, ConfigSnapshot, ReadSecret
from revaer.daemon.inforce import SECRET_SECONDS, InForce
from revaer.fsops.policy import MoveMode, OnConflict, Par2Mode, Paths, Policy
from revaer.fsops.terms import Settings, SettingsUnavailable
from revaer.fsops.types import Limits


class FsOpsSettingsReader:
    """Reads what holds for a job that starts now.

    Args:
        config: whom passwords of archives are asked of.
        in_force: the configuration that holds.
    """

    def __init__(self, config: ActorRef[ConfigMessage], in_force: InForce) -> None:
        self._config = config
        self._in_force = in_force

    async def __call__(self) -> Settings:
        """Return the policy and the paths. Raises SettingsUnavailable."""
        snapshot = self._in_force.newest
        passwords = []
        for name in snapshot.configuration.fs_policy.archive_password_secrets:
            try:
                passwords.append(await self._config.ask(ReadSecret(name), within=SECRET_SECONDS))
            except ActorError as error:
                raise SettingsUnavailable(f"the secret {name} with a password of archives: {error}") from error
        return Settings(policy_of(snapshot.configuration.fs_policy, tuple(passwords)), paths_of(snapshot))

    def moves_source(self) -> bool:
        """Tell whether the payload itself goes into the library by the present policy."""
        return self._in_force.newest.configuration.fs_policy.move_mode == MoveMode.MOVE.value


def policy_of(told: FsPolicy, passwords: tuple[str, ...] = ()) -> Policy:
    """Say the policy in the words of post-processing; `passwords` are those of archives, in clear. Pure."""
    limits = told.limits
    return Policy(
        extract=told.extract,
        par2=Par2Mode(told.par2),
        flatten=told.flatten,
        move_mode=MoveMode(told.move_mode),
        on_conflict=OnConflict(told.on_conflict),
        cleanup_keep=tuple(told.cleanup_keep),
        cleanup_drop=tuple(told.cleanup_drop),
        chmod_file=told.chmod_file,
        chmod_dir=told.chmod_dir,
        umask=told.umask,
        owner=told.owner,
        group=told.group,
        allow_paths=tuple(map(Path, told.allow_paths)),
        limits=Limits(
            max_extracted_bytes=limits.max_extracted_bytes,
            max_ratio=limits.max_ratio,
            max_files=limits.max_files,
            max_depth=limits.max_depth,
            step_timeout=limits.step_timeout,
        ),
        link_fallback=told.link_fallback,
        passwords=lambda: passwords,
    )


def paths_of(snapshot: ConfigSnapshot) -> Paths:
    """Say where the library is, and where torrents may lie. Pure."""
    roots = snapshot.effective["derived"]["roots"]
    return Paths(Path(roots["library_root"]), (Path(roots["download_root"]),))
