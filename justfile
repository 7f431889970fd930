# Every command of the project. `just` and `uv` come from PyPI; see the README for the one line that fetches them.

set shell := ["bash", "-euo", "pipefail", "-c"]

# The tests start hundreds of processes: without bytecode each would compile everything it imports.
unexport PYTHONDONTWRITEBYTECODE

export PATH := justfile_directory() / ".tools/bin:" + env("PATH", "/usr/bin:/bin")

py := "uv run --locked"
quick := "not peers and not drill and not tools"
spread := "-n auto --maxprocesses 4 --dist loadfile"

# List the recipes.
default:
    @just --list --unsorted

# Tell whether the code is formatted.
fmt:
    {{py}} ruff format --check .

# Format the code.
fmt-fix:
    {{py}} ruff format .
    {{py}} ruff check --fix .

# Check style, import contracts and the size caps.
lint: fmt
    {{py}} ruff check .
    {{py}} lint-imports
    {{py}} pytest -q tests/architecture

# Check types, strictly.
types:
    {{py}} mypy

# Everything that needs no running code.
check: lint types

# The whole suite but the slow drills and the foreign peers.
test *args:
    {{py}} pytest {{spread}} -m '{{quick}}' {{args}}

# Without transfers between real engines.
test-unit *args:
    {{py}} pytest {{spread}} -m '{{quick}} and not swarm' {{args}}

# Only transfers between real engines.
test-swarm *args:
    {{py}} pytest {{spread}} -m 'swarm and {{quick}}' {{args}}

# Against Transmission and aria2; installs Debian's packages when they are absent.
test-peers *args:
    @bash tests/peers/install
    {{py}} pytest -m peers {{args}} tests/peers

# Against Debian's 7-Zip, unar and par2; installs the packages when they are absent.
test-tools *args:
    @bash tests/fsops_archives/install
    {{py}} pytest -m tools {{args}} tests/fsops_archives

# Check the alert rules of docs/operations with promtool, which is fetched when it is absent.
alerts:
    @bash tests/operations/install
    promtool check rules docs/operations/alerts.yml
    promtool test rules tests/operations/alerts.test.yml

# The slow fault drills, with real processes.
drill *args:
    {{py}} pytest -m drill {{args}} tests/drills tests/demo tests/cli tests/daemon

# Write the OpenAPI document of this code to docs/api/openapi.json; a test fails when the two differ.
api-export:
    {{py}} python -m revaer.api.openapi docs/api/openapi.json

# Fuzz every call of a live daemon for longer: `just fuzz`, or `just fuzz --minutes 30 --seed 7`.
fuzz *args:
    {{py}} python -m tests.fuzz {{args}}

# Coverage: 85 % with branches overall, 100 % of the actor engine.
cov *args:
    {{py}} pytest -q {{spread}} -m '{{quick}}' --cov --cov-branch --cov-report= {{args}}
    {{py}} coverage report --include='actors/*' --fail-under=100
    {{py}} coverage report --fail-under=85

# Benchmarks: `just bench`, or `just bench transfer`, and so on: scale, bulk, control, api. JSON lines and a table.
bench *args:
    {{py}} python -m tests.bench {{args}}

# A wheel and a source distribution.
build:
    uv build

# The same from the lock file, checked: the wheel runs in a clean environment.
build-rel: build
    #!/usr/bin/env bash
    set -euo pipefail
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
    uv export --locked --no-dev --no-emit-project --quiet --output-file "$folder/requirements.txt"
    uv venv --quiet "$folder/venv"
    uv pip install --quiet --python "$folder/venv" --require-hashes -r "$folder/requirements.txt"
    uv pip install --quiet --python "$folder/venv" --no-deps dist/*.whl
    cd "$folder" && venv/bin/revaer --version && venv/bin/revaer demo --size 16M

# Write docs/cli.md from the command tree.
docs-cli:
    {{py}} python -m revaer.cli.manual > docs/cli.md

# Write what the command line is expected to write (tests/cli/snapshots); read the difference before you keep it.
cli-snapshots:
    {{py}} python -m tests.support.cli_scenes

# Run the daemon in this terminal.
run *args:
    {{py}} revaer serve {{args}}

# See the whole way through the house: download, kill -9, resume, verify.
demo *args:
    {{py}} --no-dev revaer demo {{args}}

# What CI runs.
ci: check alerts test drill test-peers test-tools
