"""Documents against the world around them: secrets that exist, usable directories, patterns that can be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from revaer.config.documents import Configuration
from revaer.config.pointers import escape, touches
from revaer.config.problems import Problem
from revaer.config.surroundings import Defaults, PathProbe, Surroundings
from revaer.selection.messages import InvalidPattern
from revaer.types import SelectionRules

_DOWNLOAD_ROOT: Final = "/engine_profile/download_root"
_RESUME_DIR: Final = "/engine_profile/resume_dir"
_LIBRARY_ROOT: Final = "/fs_policy/library_root"
_PROXY: Final = "/engine_profile/tracker/proxy"
_PASSWORDS: Final = "/fs_policy/archive_password_secrets"
_TLS: Final = "/app_profile/tls"


def misfits(
    configuration: Configuration,
    changed: Collection[str],
    surroundings: Surroundings,
    secrets: Mapping[str, str | None],
) -> Iterator[Problem]:
    """Find what does not fit the world. Only what changes is looked at: a directory that is away for the moment does
    not stand in the way of another setting.

    Args:
        configuration: What would hold.
        changed: JSON Pointers of what changes.
        surroundings: The world.
        secrets: What the same change does to secrets: new values by name, None removes.
    """
    if surroundings.secrets is not None:
        yield from _secrets(configuration, changed, surroundings.secrets, secrets)
    if surroundings.patterns is not None:
        yield from _patterns(configuration, changed, surroundings.patterns)
    if surroundings.defaults is not None:
        yield from _overlaps(configuration, changed, surroundings.defaults)
        yield from _label_directories(configuration, changed, surroundings.defaults)
    if surroundings.paths is not None:
        yield from _directories(configuration, changed, surroundings.paths, surroundings.defaults)
    yield from _certificate(configuration, changed, surroundings)


def is_below(path: str, root: str) -> bool:
    """Tell whether a path is a directory or lies below it, by the words of both alone."""
    plain, top = _plain(path), _plain(root)
    return plain == top or top in plain.parents


def _plain(path: str) -> PurePosixPath:
    return PurePosixPath(os.path.normpath("/" + path.lstrip("/")))


def _touched(changed: Collection[str], *places: str) -> bool:
    return any(touches(pointer, place) for pointer in changed for place in places)


def _secrets(
    configuration: Configuration,
    changed: Collection[str],
    existing: Collection[str],
    changes: Mapping[str, str | None],
) -> Iterator[Problem]:
    for place, pointer, name in _named_secrets(configuration):
        if changes.get(name) is not None or not (changes or _touched(changed, place)):
            continue
        if name in changes:
            yield Problem(f"/secrets/{escape(name)}", f"is still used by {pointer}")
        elif name not in existing:
            yield Problem(pointer, "no secret has this name; set it under secrets in the same change")


def _named_secrets(configuration: Configuration) -> Iterator[tuple[str, str, str]]:
    """Return of every named secret what it belongs to, where it is named, and its name."""
    proxy = configuration.engine_profile.tracker.proxy
    for field in ("username_secret", "password_secret"):
        if proxy is not None and (name := getattr(proxy, field)) is not None:
            yield _PROXY, f"{_PROXY}/{field}", name
    for index, name in enumerate(configuration.fs_policy.archive_password_secrets):
        yield _PASSWORDS, f"{_PASSWORDS}/{index}", name


def _patterns(
    configuration: Configuration, changed: Collection[str], check: Callable[[SelectionRules], None]
) -> Iterator[Problem]:
    policy = configuration.fs_policy
    rules = {
        "cleanup_keep": [SelectionRules(include=(pattern,)) for pattern in policy.cleanup_keep],
        "cleanup_drop": [SelectionRules(exclude=(pattern,)) for pattern in policy.cleanup_drop],
    }
    for name, each in rules.items():
        if not _touched(changed, f"/fs_policy/{name}"):
            continue
        for index, rule in enumerate(each):
            try:
                check(rule)
            except InvalidPattern as error:
                yield Problem(f"/fs_policy/{name}/{index}", error.message)


def _roots(configuration: Configuration, defaults: Defaults) -> dict[str, str]:
    return {
        _DOWNLOAD_ROOT: configuration.engine_profile.download_root or defaults.download_root,
        _RESUME_DIR: configuration.engine_profile.resume_dir or defaults.resume_dir,
        _LIBRARY_ROOT: configuration.fs_policy.library_root or defaults.library_root,
    }


def _overlaps(configuration: Configuration, changed: Collection[str], defaults: Defaults) -> Iterator[Problem]:
    """Keep the node's own records apart from payload, and finished entries apart from downloads."""
    roots = _roots(configuration, defaults)
    download, library, resume = (roots[pointer] for pointer in (_DOWNLOAD_ROOT, _LIBRARY_ROOT, _RESUME_DIR))
    if _touched(changed, _DOWNLOAD_ROOT, _LIBRARY_ROOT) and is_below(library, download) and is_below(download, library):
        yield Problem(_LIBRARY_ROOT, "must be another directory than download_root")
    for pointer, payload in ((_DOWNLOAD_ROOT, download), (_LIBRARY_ROOT, library)):
        if not _touched(changed, _RESUME_DIR, pointer):
            continue
        if is_below(resume, payload) or is_below(payload, resume):
            blamed, other = (_RESUME_DIR, pointer) if _touched(changed, _RESUME_DIR) else (pointer, _RESUME_DIR)
            yield Problem(blamed, f"must not share a directory with {other}")


def _label_directories(configuration: Configuration, changed: Collection[str], defaults: Defaults) -> Iterator[Problem]:
    allowed = [_roots(configuration, defaults)[_DOWNLOAD_ROOT], *configuration.fs_policy.allow_paths]
    whole = frozenset(changed)
    for kind in ("categories", "tags"):
        for name, policy in getattr(configuration.label_policies, kind).items():
            pointer = f"/label_policies/{kind}/{escape(name)}/download_dir"
            if policy.download_dir is None or not whole & {pointer, pointer.removesuffix("/download_dir")}:
                continue
            if not any(is_below(policy.download_dir, root) for root in allowed):
                yield Problem(pointer, "must lie below download_root or one of allow_paths")


def _directories(
    configuration: Configuration, changed: Collection[str], paths: PathProbe, defaults: Defaults | None
) -> Iterator[Problem]:
    engine, policy = configuration.engine_profile, configuration.fs_policy
    allowed = list(policy.allow_paths)
    if defaults is not None:
        allowed += [defaults.download_root, defaults.library_root]
    for pointer, path, bound in (
        (_DOWNLOAD_ROOT, engine.download_root, True),
        (_RESUME_DIR, engine.resume_dir, False),
        (_LIBRARY_ROOT, policy.library_root, True),
    ):
        if path is None or not _touched(changed, pointer):
            continue
        if not paths.exists(path):
            yield Problem(pointer, "is no directory on this node")
        elif not paths.writable(path):
            yield Problem(pointer, "cannot be written by this daemon")
        if bound and not paths.inside(path, allowed):
            yield Problem(pointer, "must lie below one of allow_paths")


def _certificate(
    configuration: Configuration, changed: Collection[str], surroundings: Surroundings
) -> Iterator[Problem]:
    tls, paths = configuration.app_profile.tls, surroundings.paths
    if tls is None or not _touched(changed, _TLS):
        return
    if surroundings.certificate is not None:
        wrong = surroundings.certificate(tls.cert_file, tls.key_file)
        if wrong is not None:
            yield Problem(f"{_TLS}/{wrong[0]}", wrong[1])
        return
    for field in ("cert_file", "key_file"):
        if paths is not None and not paths.readable(getattr(tls, field)):
            yield Problem(f"{_TLS}/{field}", "is no file that this daemon can read")
