"""Documents against the world around them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from revaer.config.places import is_below
from revaer.config.problems import Problem
from revaer.config.surroundings import Surroundings
from revaer.config.system_paths import SystemPaths
from revaer.config.validate import check_change
from revaer.selection import validate
from tests.config.building import DEFAULTS, FULL, FakePaths, configured, problems_of

PROXY: dict[str, Any] = {"kind": "socks5", "host": "proxy.example", "port": 1080, "username_secret": "user"}
PROXIED = {"engine_profile": {"tracker": {"proxy": PROXY}}}
USERNAME = "/engine_profile/tracker/proxy/username_secret"
PATHS = FakePaths(
    directories=("/srv/downloads", "/srv/library", "/srv/resume", "/mnt/locked", "/srv/link"),
    read_only=("/mnt/locked",),
    files=("/etc/revaer/cert.pem",),
    links={"/srv/link": "/root"},
)


def refused(patch: object, *, before: object = None, **surroundings: Any) -> dict[str, str]:
    return problems_of(patch, before=configured(before), surroundings=Surroundings(**surroundings))


def test_without_surroundings_nothing_is_looked_at() -> None:
    assert refused(FULL) == {}


class TestSecrets:
    def test_a_named_secret_must_exist(self) -> None:
        assert list(refused(PROXIED, secrets=[])) == [USERNAME]
        assert refused(PROXIED, secrets=["user"]) == {}

    def test_a_secret_set_by_the_same_patch_exists(self) -> None:
        assert refused({**PROXIED, "secrets": {"user": "x"}}, secrets=[]) == {}

    def test_a_secret_in_use_cannot_be_removed(self) -> None:
        removal = {"secrets": {"user": None}}

        assert refused(removal, before=PROXIED, secrets=["user"]) == {"/secrets/user": f"is still used by {USERNAME}"}
        assert list(refused({**PROXIED, **removal}, secrets=["user"])) == ["/secrets/user"]
        assert refused(removal, secrets=["user"]) == {}
        assert refused({**removal, "engine_profile": {"tracker": None}}, before=PROXIED, secrets=["user"]) == {}

    def test_a_secret_that_was_lost_blocks_no_other_change(self) -> None:
        assert refused({"engine_profile": {"dht": False}}, before=PROXIED, secrets=[]) == {}


class TestArchivePasswords:
    NAMED: ClassVar[dict[str, Any]] = {"fs_policy": {"archive_password_secrets": ["one", "two"]}}

    def test_every_named_secret_must_exist(self) -> None:
        assert list(refused(self.NAMED, secrets=["one"])) == ["/fs_policy/archive_password_secrets/1"]
        assert refused(self.NAMED, secrets=["one", "two"]) == {}

    def test_a_secret_in_use_cannot_be_removed(self) -> None:
        removal = {"secrets": {"two": None}}
        told = {"/secrets/two": "is still used by /fs_policy/archive_password_secrets/1"}
        assert refused(removal, before=self.NAMED, secrets=["one", "two"]) == told


class TestPatterns:
    @pytest.mark.parametrize(
        ("field", "patterns", "indices"),
        [
            ("cleanup_drop", ["*.nfo", "[a", "a//b", "@skip_fluff"], [1, 2]),
            ("cleanup_keep", ["*.mkv", "\\", "@skip_fluff"], [1, 2]),
        ],
    )
    def test_every_pattern_that_cannot_be_read_is_named(
        self, field: str, patterns: list[str], indices: list[int]
    ) -> None:
        problems = refused({"fs_policy": {field: patterns}}, patterns=validate)

        assert list(problems) == [f"/fs_policy/{field}/{index}" for index in indices]

    def test_only_changed_patterns_are_read(self) -> None:
        before = {"fs_policy": {"cleanup_drop": ["[a"]}}

        assert refused({"fs_policy": {"flatten": True}}, before=before, patterns=validate) == {}


class TestDirectories:
    @pytest.mark.parametrize(
        ("document", "field", "path", "message"),
        [
            ("engine_profile", "download_root", "/absent", "is no directory on this node"),
            ("engine_profile", "resume_dir", "/absent", "is no directory on this node"),
            ("fs_policy", "library_root", "/absent", "is no directory on this node"),
            ("engine_profile", "download_root", "/mnt/locked", "cannot be written by this daemon"),
            ("engine_profile", "resume_dir", "/mnt/locked", "cannot be written by this daemon"),
            ("fs_policy", "library_root", "/mnt/locked", "cannot be written by this daemon"),
        ],
    )
    def test_roots_must_exist_and_be_writable(self, document: str, field: str, path: str, message: str) -> None:
        assert refused({document: {field: path}}, paths=PATHS) == {f"/{document}/{field}": message}

    def test_payload_roots_lie_where_allowed(self) -> None:
        allowed = {"fs_policy": {"allow_paths": ["/srv/downloads"]}}

        assert refused({"engine_profile": {"download_root": "/srv/downloads"}}, before=allowed, paths=PATHS) == {}
        assert refused({"fs_policy": {"library_root": "/srv/library"}}, before=allowed, paths=PATHS) == {
            "/fs_policy/library_root": "must lie below one of allow_paths"
        }
        assert refused({"engine_profile": {"resume_dir": "/srv/resume"}}, before=allowed, paths=PATHS) == {}

    def test_links_are_followed(self) -> None:
        allowed = {"fs_policy": {"allow_paths": ["/srv"]}}

        problems = refused({"engine_profile": {"download_root": "/srv/link"}}, before=allowed, paths=PATHS)

        assert problems == {"/engine_profile/download_root": "must lie below one of allow_paths"}

    def test_the_nodes_own_directories_are_always_allowed(self) -> None:
        paths = FakePaths(directories=(DEFAULTS.download_root, DEFAULTS.library_root))
        patch = {
            "engine_profile": {"download_root": DEFAULTS.download_root},
            "fs_policy": {"library_root": DEFAULTS.library_root, "allow_paths": []},
        }

        assert refused(patch, paths=paths, defaults=DEFAULTS) == {}

    def test_a_directory_that_is_away_blocks_no_other_change(self) -> None:
        before = {"engine_profile": {"download_root": "/absent"}}

        assert refused({"engine_profile": {"dht": False}}, before=before, paths=PATHS) == {}
        assert refused({"engine_profile": {"download_root": None}}, before=before, paths=PATHS) == {}

    @pytest.mark.parametrize(
        ("patch", "pointer"),
        [
            (
                {"engine_profile": {"download_root": "/a"}, "fs_policy": {"library_root": "/a"}},
                "/fs_policy/library_root",
            ),
            ({"engine_profile": {"download_root": DEFAULTS.library_root}}, "/fs_policy/library_root"),
            ({"engine_profile": {"resume_dir": "/var/lib/revaer/downloads/x"}}, "/engine_profile/resume_dir"),
            ({"engine_profile": {"resume_dir": "/var/lib/revaer"}}, "/engine_profile/resume_dir"),
            ({"engine_profile": {"download_root": "/var/lib/revaer"}}, "/engine_profile/download_root"),
            ({"fs_policy": {"library_root": "/var/lib/revaer/resume//x"}}, "/fs_policy/library_root"),
        ],
    )
    def test_records_downloads_and_library_lie_apart(self, patch: object, pointer: str) -> None:
        assert pointer in refused(patch, defaults=DEFAULTS)

    def test_a_library_within_downloads_or_around_them_is_fine(self) -> None:
        for library in (f"{DEFAULTS.download_root}/done", "/var/lib/revaer/library"):
            assert refused({"fs_policy": {"library_root": library}}, defaults=DEFAULTS) == {}
        assert refused({"engine_profile": {"download_root": f"{DEFAULTS.library_root}/new"}}, defaults=DEFAULTS) == {}


class TestLabels:
    def policy(self, directory: str) -> dict[str, Any]:
        return {"label_policies": {"tags": {"a/b": {"download_dir": directory}}}}

    def test_a_labels_directory_lies_where_torrents_may_be_put(self) -> None:
        allowed = {"fs_policy": {"allow_paths": ["/srv/media"]}}
        place = "/label_policies/tags/a~1b/download_dir"

        assert list(refused(self.policy("/etc"), before=allowed, defaults=DEFAULTS)) == [place]
        assert list(refused(self.policy("/srv/mediaother"), before=allowed, defaults=DEFAULTS)) == [place]
        assert refused(self.policy("/srv/media/films"), before=allowed, defaults=DEFAULTS) == {}
        assert refused(self.policy(f"{DEFAULTS.download_root}/films"), before=allowed, defaults=DEFAULTS) == {}

    def test_a_changed_directory_of_a_known_label_is_looked_at(self) -> None:
        allowed = {"fs_policy": {"allow_paths": ["/srv"]}, **self.policy("/srv/a")}

        assert len(refused(self.policy("/etc"), before=allowed, defaults=DEFAULTS)) == 1

    def test_directories_that_do_not_change_are_not_looked_at(self) -> None:
        before = self.policy("/srv/a")
        patch = {"fs_policy": {"allow_paths": ["/mnt"]}, "label_policies": {"tags": {"a/b": {"max_upload_bps": 1}}}}

        assert refused(patch, before=before, defaults=DEFAULTS) == {}


class TestCertificate:
    def test_both_files_must_be_readable(self) -> None:
        patch = {"app_profile": {"tls": FULL["app_profile"]["tls"]}}

        assert refused(patch, paths=PATHS) == {"/app_profile/tls/key_file": "is no file that this daemon can read"}


def test_what_is_wrong_already_is_not_looked_up() -> None:
    class Untouchable(FakePaths):
        def exists(self, path: str) -> bool:
            raise AssertionError(path)

    problems = refused({"engine_profile": {"download_root": "relative"}}, paths=Untouchable(), defaults=DEFAULTS)

    assert problems == {"/engine_profile/download_root": "must have the form ^/"}


def test_a_rollback_is_held_against_the_world_too() -> None:
    surroundings = Surroundings(secrets=[], defaults=DEFAULTS, paths=PATHS)

    problems = check_change(configured(), configured(PROXIED), surroundings=surroundings)

    assert problems == (Problem(USERNAME, "no secret has this name; set it under secrets in the same change"),)


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        ("/a/b", "/a", True),
        ("/a", "/a/", True),
        ("/ab", "/a", False),
        ("/a", "/", True),
        ("//a//b/./c", "/a/b", True),
        ("/", "/a", False),
    ],
)
def test_a_path_is_below_a_directory_by_its_words(path: str, root: str, below: bool) -> None:
    assert is_below(path, root) is below


class TestSystemPaths:
    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        (tmp_path / "real").mkdir()
        (tmp_path / "file").write_text("x")
        (tmp_path / "link").symlink_to("real")
        (tmp_path / "escape").symlink_to("/")
        return tmp_path

    def test_a_directory_exists(self, home: Path) -> None:
        found = [name for name in ("real", "link", "file", "absent") if SystemPaths().exists(str(home / name))]

        assert found == ["real", "link"]

    def test_a_writable_directory_takes_a_file_and_keeps_none(self, home: Path) -> None:
        assert SystemPaths().writable(str(home / "real"))
        assert list((home / "real").iterdir()) == []

    @pytest.mark.parametrize("name", ["file", "absent"])
    def test_what_is_no_directory_is_not_writable(self, home: Path, name: str) -> None:
        assert not SystemPaths().writable(str(home / name))

    def test_a_directory_of_the_kernel_is_not_writable(self) -> None:
        assert not SystemPaths().writable("/proc/self")

    def test_links_are_followed(self, home: Path) -> None:
        inside = [
            name for name in ("real", "link", "escape", "absent") if SystemPaths().inside(str(home / name), [str(home)])
        ]

        assert inside == ["real", "link", "absent"]
        assert SystemPaths().inside(str(home / "real"), [os.sep])
        assert SystemPaths().inside(str(home / "link"), ["/absent", str(home / "real")])
        assert not SystemPaths().inside(str(home), [])

    def test_a_file_is_readable_and_a_directory_is_not(self, home: Path) -> None:
        readable = [name for name in ("file", "real", "absent") if SystemPaths().readable(str(home / name))]

        assert readable == ["file"]
