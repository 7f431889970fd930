"""The real extractor behind the port: a zip file becomes an entry, a torrent without archives needs no tool."""

from __future__ import annotations

from dataclasses import replace

from revaer.fsops.outfit import node_tools
from revaer.fsops.policy import Par2Mode, Policy
from revaer.fsops.runner import run_job
from revaer.fsops.tools import ToolBox
from revaer.selection import evaluate
from tests.fsops.pipeline.world import World, look_at, zipped


def test_zip_file_becomes_an_entry(world: World) -> None:
    job = world.torrent({"CD1/a.zip": zipped({"film.mkv": b"film", "Subs/en.srt": b"words"}), "film.nfo": b"info"})
    before = look_at(world.downloads)

    report = run_job(job, Policy(par2=Par2Mode.VERIFY), world.paths, node_tools(ToolBox(()), evaluate))

    assert report.error is None
    assert {each.path for each in report.files} == {"CD1/Subs/en.srt", "CD1/film.mkv", "film.nfo"}
    assert look_at(world.downloads) == before
    again = run_job(job, Policy(par2=Par2Mode.VERIFY), world.paths, node_tools(ToolBox(()), evaluate))
    assert again.ran == ()


def test_broken_zip_file_fails_with_its_name(world: World) -> None:
    job = world.torrent({"a.zip": zipped({"x": b"x" * 1000})[:60]})

    report = run_job(job, replace(Policy(), extract=True), world.paths, node_tools(ToolBox(()), evaluate))

    assert report.error is not None
    assert report.error.path is not None
    assert "a.zip" in report.error.path
    assert not (world.library / "Show").exists()


def test_extraction_leaves_the_volume_its_reserve(world: World) -> None:
    job = world.torrent({"a.zip": zipped({"x": b"x" * 1000})})
    full = node_tools(ToolBox(()), evaluate, reserve=lambda _: 1 << 60)

    report = run_job(job, Policy(), world.paths, full)

    assert report.error is not None
    assert report.error.retryable
    assert "below the reserve" in report.error.message
    assert run_job(job, Policy(), world.paths, node_tools(ToolBox(()), evaluate)).error is None
