# syntax=docker/dockerfile:1
# The base is Debian's own: its Python gets security updates with the rest of the system. Pin a digest for a release:
#   docker build --build-arg BASE=debian:trixie-slim@sha256:… .
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-pip python3-venv \
    && rm -rf /var/lib/apt/lists/*
ARG UV_VERSION=0.9
RUN python3 -m pip install --no-cache-dir --target /opt/tools "uv~=${UV_VERSION}.0"
ENV PATH=/opt/tools/bin:$PATH \
    UV_PROJECT_ENVIRONMENT=/opt/revaer \
    UV_PYTHON=/usr/bin/python3 \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1
WORKDIR /src
# What is locked changes seldom: its layer outlives changes of the code.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --locked --no-dev --no-install-project
COPY actors ./actors
COPY docs/api/openapi.json ./docs/api/
COPY migrations ./migrations
COPY revaer ./revaer
RUN uv sync --locked --no-dev --no-editable

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="revaer" \
      org.opencontainers.image.description="Headless torrent orchestration daemon" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="https://github.com/revaer/revaer"
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# tini reaps what the embedded database leaves to process 1; the rest is what post-processing calls.
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update \
    && apt-get install -y --no-install-recommends 7zip ca-certificates par2 python3 tini tzdata unar \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    && groupadd --system --gid 10001 revaer \
    && useradd --system --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin revaer \
    && install -d -o 10001 -g 10001 -m 0750 /data /config
COPY --from=build /opt/revaer /opt/revaer
ENV PATH=/opt/revaer/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    REVAER_DATA_DIR=/data \
    REVAER_BUILD_SHA=${REVISION} \
    TMPDIR=/tmp
USER 10001:10001
WORKDIR /data
VOLUME ["/data", "/config"]
EXPOSE 7070/tcp 6881/tcp 6881/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["revaer", "health"]
ENTRYPOINT ["/usr/bin/tini", "--", "revaer"]
CMD ["serve", "--bind", "0.0.0.0", "--port", "7070"]
