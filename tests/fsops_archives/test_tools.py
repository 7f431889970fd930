"""Finding tools: their versions, what to install when they are absent, and noticing that they came."""

from pathlib import Path

import pytest

from revaer.fsops.tools import ToolBox, ToolMissing, ToolName

PAR2 = "echo 'par2cmdline version 0.8.1'"
SEVENZIP = "echo '7-Zip (z) 24.09 (x64) : Copyright (c) 1999-2024 Igor Pavlov : 2024-11-29'"
UNRAR = "echo 'UNRAR 7.10 freeware      Copyright (c) 1993-2025 Alexander Roshal'"
UNAR = "echo 'unar v1.10.8, a tool for extracting the contents of archive files.'"


def put(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_absent_tools_name_their_packages(tmp_path: Path) -> None:
    found = ToolBox([tmp_path]).probe()

    assert {status.name: status.package for status in found} == {
        ToolName.PAR2: "par2", ToolName.SEVENZIP: "7zip", ToolName.RAR: "unar",
    }  # fmt: skip
    assert all(status.path is None and status.version is None for status in found)
    assert all(status.package in (status.problem or "") for status in found)


def test_tool_that_is_needed_and_absent_is_an_error_for_that_job(tmp_path: Path) -> None:
    put(tmp_path, "par2", PAR2)
    tools = ToolBox([tmp_path])

    assert tools.require(ToolName.PAR2).path == tmp_path / "par2"
    with pytest.raises(ToolMissing, match="please install the package 7zip") as caught:
        tools.require(ToolName.SEVENZIP, path="a.7z")
    assert (caught.value.package, caught.value.path, caught.value.retryable) == ("7zip", "a.7z", False)


def test_tool_that_appears_is_found(tmp_path: Path) -> None:
    tools = ToolBox([tmp_path])
    assert tools.status(ToolName.PAR2).problem is not None

    put(tmp_path, "par2", PAR2)

    status = tools.status(ToolName.PAR2)
    assert (status.version, status.problem) == ("0.8", None)


def test_tool_that_goes_is_missed(tmp_path: Path) -> None:
    path = put(tmp_path, "par2", PAR2)
    tools = ToolBox([tmp_path])
    tools.require(ToolName.PAR2)

    path.unlink()

    with pytest.raises(ToolMissing):
        tools.require(ToolName.PAR2)


def test_known_tool_is_not_started_again_until_it_is_replaced(tmp_path: Path) -> None:
    started = tmp_path / "started"
    started.write_text("")
    put(tmp_path, "par2", PAR2)
    tools = ToolBox([tmp_path])
    tools.status(ToolName.PAR2)
    counter = tools._known.copy()

    tools.probe()
    assert tools._known == counter

    (tmp_path / "par2").unlink()
    put(tmp_path, "par2", "echo 'par2cmdline-turbo version 1.10.2'")
    assert tools.status(ToolName.PAR2).version == "1.10"


@pytest.mark.parametrize(
    ("name", "script", "needed"),
    [
        (ToolName.PAR2, "echo 'par2cmdline version 0.4'", "0.7"),
        (ToolName.SEVENZIP, "echo '7-Zip [64] 16.02 : Copyright (c) 1999-2016 Igor Pavlov'", "21.0"),
        (ToolName.RAR, "echo 'UNRAR 5.61 freeware'", "6.0"),
    ],
)
def test_old_tool_is_refused_with_its_version(tmp_path: Path, name: ToolName, script: str, needed: str) -> None:
    put(tmp_path, {ToolName.PAR2: "par2", ToolName.SEVENZIP: "7z", ToolName.RAR: "unrar"}[name], script)

    with pytest.raises(ToolMissing, match=f"at least {needed} is needed"):
        ToolBox([tmp_path]).require(name)


def test_newer_tool_behind_an_old_one_is_found(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    put(first, "7z", "echo '7-Zip [64] 16.02 : Copyright'")
    put(second, "7z", SEVENZIP)

    assert ToolBox([first, second]).require(ToolName.SEVENZIP).path == second / "7z"


def test_program_of_another_kind_under_the_name_is_not_taken(tmp_path: Path) -> None:
    put(tmp_path, "unrar", "echo 'unrar 0.1.3  Copyright (C) 2004  Ben Asselstine'")
    put(tmp_path, "par2", "exit 1")

    found = {status.name: status for status in ToolBox([tmp_path]).probe()}
    assert found[ToolName.RAR].path is None
    assert found[ToolName.PAR2].path is None


def test_best_program_for_rar_is_taken(tmp_path: Path) -> None:
    tools = ToolBox([tmp_path])
    put(tmp_path, "unar", UNAR)
    assert tools.require(ToolName.RAR).program == "unar"
    put(tmp_path, "7zz", f"{SEVENZIP}; echo '   0 CED  Rar5'")
    assert tools.require(ToolName.RAR).program == "7z"
    put(tmp_path, "unrar", UNRAR)
    assert tools.require(ToolName.RAR).program == "unrar"


def test_seven_zip_without_the_rar_format_is_not_taken_for_it(tmp_path: Path) -> None:
    put(tmp_path, "7zz", SEVENZIP)
    tools = ToolBox([tmp_path])

    assert tools.status(ToolName.SEVENZIP).problem is None
    assert tools.status(ToolName.RAR).problem is not None


def test_file_that_cannot_be_executed_is_no_tool(tmp_path: Path) -> None:
    put(tmp_path, "par2", PAR2).chmod(0o644)

    assert ToolBox([tmp_path]).status(ToolName.PAR2).path is None


def test_tool_that_hangs_at_the_question_is_no_tool_and_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revaer.fsops.tools._PROBE_SECONDS", 0.2)
    put(tmp_path, "par2", f"if test -e {tmp_path}/well; then {PAR2}; else exec sleep 1000; fi")
    tools = ToolBox([tmp_path])

    assert tools.status(ToolName.PAR2).path is None
    (tmp_path / "well").touch()
    assert tools.status(ToolName.PAR2).problem is None
