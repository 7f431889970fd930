# Every command of the project. `just` and `uv` come from PyPI; see the README for the one line that fetches them.

set shell := ["bash", "-euo", "pipefail", "-c"]

# The tests start hundreds of processes: without bytecode each would compile everything it imports.
unexport PYTHONDONTWRITEBYTECODE

export PATH := justfile_directory() / ".tools/bin:" + env("PATH", "/usr/bin:/bin")

py := "uv run --locked"
allowed_licenses := "MIT;MIT-0;BSD;Apache;ISC;MPL;Mozilla Public License;PSF;Python Software Foundation;0BSD;Unlicense"
quick := "not peers and not drill and not tools"
# More workers than the usual two cores: half of a test's time is waiting.
spread := "-n 3 --dist loadfile"

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

# Check the Dockerfile, the Kubernetes manifest and the workflows.
lint-delivery:
    {{py}} --group delivery hadolint Dockerfile
    {{py}} --group delivery kubernetes-validate --strict deploy/kubernetes/*.yaml
    {{py}} --group delivery zizmor --offline --no-progress --min-severity medium .github

# The whole suite but the slow drills and the foreign peers.
test *args:
    {{py}} pytest {{spread}} -m '{{quick}}' {{args}}

# Without transfers between real engines.
test-unit *args:
    {{py}} pytest {{spread}} -m '{{quick}} and not swarm' {{args}}

# Without transfers, on the oldest versions that pyproject.toml allows.
test-minimum *args:
    #!/usr/bin/env bash
    set -euo pipefail
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
    git ls-files -z | xargs -0 cp --parents -t "$folder"
    cd "$folder"
    uv sync --quiet --resolution lowest-direct
    uv run --no-sync pytest {{spread}} -m '{{quick}} and not swarm' {{args}}

# Only transfers between real engines.
test-swarm *args:
    {{py}} pytest {{spread}} -m 'swarm and {{quick}}' {{args}}

# Against Transmission and aria2; installs Debian's packages when they are absent.
test-peers *args:
    @bash tests/peers/install
    {{py}} pytest -m peers {{args}} tests/peers

# Against Debian's 7-Zip, unar and par2, and the API guide by curl and jq; installs the packages when they are absent.
test-tools *args:
    @bash tests/fsops_archives/install
    {{py}} pytest -m tools {{args}} tests/fsops_archives tests/docs

# Check the alert rules of docs/operations with promtool, which is fetched when it is absent.
alerts:
    @bash tests/operations/install
    promtool check rules docs/operations/alerts.yml
    promtool test rules tests/operations/alerts.test.yml

# The slow fault drills, with real processes.
drill *args:
    {{py}} pytest -m drill {{args}} tests/drills tests/demo tests/cli tests/client tests/daemon tests/fuzz

# Write the OpenAPI document of this code to docs/api/openapi.json; a test fails when the two differ.
api-export:
    {{py}} python -m revaer.api.openapi docs/api/openapi.json

# Fuzz every call of a live daemon for longer: `just fuzz`, or `just fuzz --minutes 30 --seed 7`.
fuzz *args:
    {{py}} python -m tests.fuzz {{args}}

# Coverage: 90 % with branches overall, 100 % of the actor engine.
cov *args:
    {{py}} pytest -q {{spread}} -m '{{quick}}' --cov --cov-branch --cov-report= {{args}}
    {{py}} coverage report --include='actors/*' --fail-under=100
    {{py}} coverage report --fail-under=90

# Benchmarks: `just bench`, or one of `just bench transfer|scale|bulk|control|api|fsops`. JSON lines and a table.
bench *args:
    {{py}} python -m tests.bench {{args}}

# A wheel and a source distribution.
build:
    uv build

# A release in artifacts/release: wheel, sdist, OpenAPI, bill of materials, licences, provenance, SHA256SUMS; same inputs, same bytes.
build-rel:
    #!/usr/bin/env bash
    set -euo pipefail
    out=artifacts/release
    export SOURCE_DATE_EPOCH="$(git show -s --format=%ct HEAD)"
    rm -rf "$out" && mkdir -p "$out"
    uv build --quiet --out-dir "$out" && rm -f "$out/.gitignore"
    cp docs/api/openapi.json "$out/openapi.json"
    just sbom "$out/sbom.cdx.json"
    just licenses "$out/licenses.md"
    python3 .ci/release.py "$out" --epoch "$SOURCE_DATE_EPOCH"
    cd "$out" && sha256sum --check --quiet SHA256SUMS && cat SHA256SUMS

# Build the release twice and compare every byte; then install the wheel into a clean environment and run the demonstration.
release-artifacts: build-rel
    #!/usr/bin/env bash
    set -euo pipefail
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
    cp -r artifacts/release "$folder/first"
    just build-rel >/dev/null
    diff -r "$folder/first" artifacts/release && echo "both builds are equal"
    uv export --locked --no-dev --no-emit-project --quiet --output-file "$folder/requirements.txt"
    export UV_COMPILE_BYTECODE=0
    uv venv --quiet "$folder/venv"
    uv pip install --quiet --python "$folder/venv" --require-hashes -r "$folder/requirements.txt"
    uv pip install --quiet --python "$folder/venv" --no-deps artifacts/release/*.whl
    cd "$folder" && venv/bin/revaer --version && venv/bin/revaer demo --size 16M

# Known vulnerabilities of what is locked; fails also when the advisories cannot be read.
audit *args:
    #!/usr/bin/env bash
    set -euo pipefail
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
    uv export --locked --no-dev --no-emit-project --quiet --output-file "$folder/requirements.txt"
    {{py}} --group release pip-audit --strict --disable-pip --require-hashes -r "$folder/requirements.txt" {{args}}

# The licences of what a release runs on; fails at one that is not on the list of those that MIT code may be shipped with.
licenses file="artifacts/licenses.md":
    #!/usr/bin/env bash
    set -euo pipefail
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
    mkdir -p "$(dirname "{{file}}")"
    UV_COMPILE_BYTECODE=0 UV_PROJECT_ENVIRONMENT="$folder/venv" uv sync --quiet --locked --no-dev --no-install-project
    {{py}} --group release pip-licenses --python "$folder/venv/bin/python" --from=mixed --partial-match --allow-only "{{allowed_licenses}}" \
        --format=markdown --output-file "{{file}}"

# The bill of materials (CycloneDX, JSON) of what a release runs on.
sbom file="artifacts/sbom.cdx.json":
    #!/usr/bin/env bash
    set -euo pipefail
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
    mkdir -p "$(dirname "{{file}}")"
    UV_COMPILE_BYTECODE=0 UV_PROJECT_ENVIRONMENT="$folder/venv" uv sync --quiet --locked --no-dev --no-install-project
    {{py}} --group release cyclonedx-py environment "$folder/venv/bin/python" --pyproject pyproject.toml --output-reproducible \
        --validate --output-file "{{file}}"

# The container image, with docker, podman or buildah, whichever is there.
docker-build *args:
    #!/usr/bin/env bash
    set -euo pipefail
    version="$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)"
    revision="$(git rev-parse HEAD 2>/dev/null || echo unknown)"
    created="$(git show -s --format=%cI HEAD 2>/dev/null || echo 1970-01-01T00:00:00Z)"
    facts=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "CREATED=$created" -t "revaer:$version")
    for engine in docker podman buildah; do
        command -v "$engine" >/dev/null || continue
        [[ $engine == docker ]] && ! docker info >/dev/null 2>&1 && continue
        format=(); [[ $engine == docker ]] || format=(--format docker)  # else HEALTHCHECK is left out
        exec "$engine" build "${format[@]}" "${facts[@]}" {{args}} .
    done
    echo "docker-build: install docker, podman or buildah first" >&2
    exit 1

# Known vulnerabilities of the image: with trivy or grype, whichever is there; fails at what is high and has a fix.
docker-scan:
    #!/usr/bin/env bash
    set -euo pipefail
    image="revaer:$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)"
    if command -v trivy >/dev/null; then
        exec trivy image --exit-code 1 --severity HIGH,CRITICAL --ignore-unfixed --scanners vuln,secret "$image"
    elif command -v grype >/dev/null; then
        exec grype --fail-on high --only-fixed "$image"
    fi
    echo "docker-scan: install trivy or grype first" >&2
    exit 1

# Push the built image as `image:tag`; says its digest.
docker-push image tag:
    #!/usr/bin/env bash
    set -euo pipefail
    built="revaer:$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)"
    docker tag "$built" "{{image}}:{{tag}}"
    docker push --quiet "{{image}}:{{tag}}" >&2
    docker image inspect --format '{{ "{{index .RepoDigests 0}}" }}' "{{image}}:{{tag}}" | sed 's/.*@//'

# Sign a pushed image, `image@digest`, with the identity of whoever runs this.
docker-sign image:
    cosign sign --yes "{{image}}"

# Make the release of a tag from artifacts/release, with gh.
release-publish tag:
    gh release create "{{tag}}" --verify-tag --title "{{tag}}" --generate-notes artifacts/release/*

# Write docs/cli.md from the command tree.
docs-cli:
    {{py}} python -m revaer.cli.manual > docs/cli.md

# Write every page that is made from the code; a test fails when one is not current.
docs-generate: api-export docs-cli
    {{py}} python -m revaer.cli.reference > docs/configuration.md
    {{py}} python -m revaer.telemetry.reference > docs/operations/telemetry.md

# The documentation as a site in artifacts/site; a broken link fails.
docs:
    {{py}} pytest -q tests/docs -m 'not tools'
    NO_MKDOCS_2_WARNING=1 {{py}} --group docs mkdocs build --strict --quiet

# The same while it is written, at http://127.0.0.1:8000.
docs-serve:
    {{py}} --group docs mkdocs serve

# Operate a real node as docs/runbook.md says, from the setup to the factory reset; leaves artifacts/runbook.
runbook *args:
    {{py}} python -m tests.runbook {{args}}

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
ci: check lint-delivery docs alerts test drill test-peers test-tools release-artifacts runbook
