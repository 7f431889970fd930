"""What brings a node to a machine: container files and workflows keep rules that only a run elsewhere would show."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from revaer.daemon.errors import UsageError
from revaer.daemon.node import STOP_BUDGET

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
KUBERNETES: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/revaer.yaml").read_text()))


def test_secrets_of_read_only_services_come_from_files() -> None:
    """Compose refuses any other kind: it would have to write them into the root of the container."""
    for name, service in COMPOSE["services"].items():
        assert service["read_only"], name
        for secret in service["secrets"]:
            assert isinstance(secret, str), f"{name}: owner and mode of a file cannot be chosen"
            assert set(COMPOSE["secrets"][secret]) == {"file"}, secret


def test_the_page_makes_every_secret_that_compose_names_so_that_the_container_can_read_it(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "container.md").read_text()
    [block] = [one for one in re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE) if "mkdir" in one]
    script = "umask 077\n" + "\n".join(line for line in block.splitlines() if not line.startswith("docker"))

    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, check=True)

    files = {name: tmp_path / secret["file"] for name, secret in COMPOSE["secrets"].items()}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o644}
    assert {path.parent.stat().st_mode & 0o777 for path in files.values()} == {0o700}
    password = files["database_password"].read_text()
    assert len(password) > 40
    assert files["database_url"].read_text() == f"postgresql://revaer:{password}@database:5432/revaer"


def runs(job: dict[str, Any]) -> list[str]:
    """The commands of a job."""
    return [step["run"] for step in job.get("steps", ()) if "run" in step]


def test_the_workflow_runs_what_ci_runs_here() -> None:
    [recipes] = re.findall(r"^ci: (.+)$", (ROOT / "justfile").read_text(), re.MULTILINE)
    steps = {step for job in JOBS.values() for step in runs(job)}
    missing = {f"just {name}" for name in recipes.split() if name != "check"} - steps
    assert not missing, "and `check` is `just lint` and `just types`"
    assert {"just lint", "just types"} <= steps


def test_the_drills_have_the_history_that_one_of_them_needs() -> None:
    [job] = [job for job in JOBS.values() if "just drill" in runs(job)]
    [checkout] = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["fetch-depth"] == 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_variable_and_secret_of_a_workflow_is_explained(path: Path) -> None:
    head = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    page = (ROOT / "docs" / "release.md").read_text()
    for name in re.findall(r"\b(?:vars|secrets)\.([A-Z_]+)", path.read_text()):
        assert re.search(rf"\b{name}\b", head), name
        assert f"`{name}`" in page, name


def test_the_version_is_the_same_wherever_it_stands() -> None:
    [version] = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    page = (ROOT / "docs" / "release.md").read_text()
    for name, found in (
        ("Dockerfile", r"^ARG VERSION=(.+)$"),
        ("compose.yaml", r"image: revaer:(.+)$"),
        ("deploy/kubernetes/revaer.yaml", r"image: revaer:(.+)$"),
        ("docs/container.md", r" revaer:(\d.+)$"),
        ("uv.lock", r'^name = "revaer"\nversion = "(.+)"$'),
        ("docs/api/openapi.json", r'^  "version": "(.+)"$'),
    ):
        assert set(re.findall(found, (ROOT / name).read_text(), re.MULTILINE)) == {version}, name
        assert f"`{name.removeprefix('docs/').removeprefix('api/')}`" in page, name


def test_kubernetes_needs_nothing_that_the_manifest_does_not_bring() -> None:
    [node] = [one for one in KUBERNETES if one["kind"] == "StatefulSet"]
    [container] = node["spec"]["template"]["spec"]["containers"]
    assert {one["name"] for one in container["env"]} == {"REVAER_BOOTSTRAP_FILE"}
    assert {"/data", "/config", "/tmp"} <= {one["mountPath"] for one in container["volumeMounts"]}
    assert "change-me" not in (ROOT / "deploy/kubernetes/revaer.yaml").read_text()


def test_the_unit_stops_a_node_as_it_wants_to_be_stopped() -> None:
    unit = (ROOT / "deploy/systemd/revaer.service").read_text()
    settings = dict(re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE))
    assert int(settings["TimeoutStopSec"]) > STOP_BUDGET
    assert settings["KillMode"] == "mixed", "the private database is ended by the daemon, not beside it"
    assert settings["RestartPreventExitStatus"] == str(UsageError.exit_code)
