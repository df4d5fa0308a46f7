# Two images, no root, nothing that builds: gcm-sentinel and sentinel-gateway, which need no GPU, and with `--target node`
# sentinel-node, with CuPy and the CUDA compiler for the probes. The driver's own libraries come from the node, by NVIDIA's
# container runtime.
#
#   docker build --tag gcm-sentinel .
#   docker build --target node --tag gcm-sentinel-node .      (drivers before 580: --build-arg CUDA=cuda12)
#   docker buildx build --sbom=true --provenance=mode=max --tag REGISTRY/gcm-sentinel:VERSION --push .
#
# Pin the base by its digest where you build for others: --build-arg PYTHON=python:3.11.14-slim-trixie@sha256:...
# Python packages that go in are pinned with hashes in uv.lock, and so is what builds our own. Pinned by version alone: uv, which
# installs them. Not pinned: Debian's packages in the base, and systemd in the node's image.

ARG PYTHON=python:3.11.14-slim-trixie
ARG CUDA=cuda13

FROM ${PYTHON} AS builder
ENV UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/gcm-sentinel \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build
RUN pip install --no-cache-dir uv==0.13.8

# The locked dependencies first: they change more rarely than the code.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra otel --extra slack --no-install-project

COPY README.md LICENSE CHANGELOG.md ./
COPY src/ src/
COPY datasources/ datasources/
COPY tools/ tools/
COPY prompts/ prompts/
COPY evals/ evals/
# Compiled here, because the root is read-only later; not what nothing loads: the vendor's thousand models and their API.
RUN uv export --frozen --quiet --only-group dev --output-file build-tools.txt \
    && uv build --wheel --build-constraints build-tools.txt --require-hashes --out-dir dist \
    && uv pip install --python /opt/gcm-sentinel --no-deps dist/*.whl \
    && python -m compileall -q -j 0 -x 'kubernetes/(aio/)?client/(api|models)/' /opt/gcm-sentinel/lib

FROM builder AS node-builder
ARG CUDA
RUN uv sync --frozen --no-dev --inexact --extra otel --extra slack --extra ${CUDA} --no-install-project \
    && python -m compileall -q -j 0 -x 'kubernetes/(aio/)?client/(api|models)/' /opt/gcm-sentinel/lib

FROM ${PYTHON} AS node
LABEL org.opencontainers.image.title="gcm-sentinel-node" \
      org.opencontainers.image.description="Telemetry, kernel log and GPU probes of one node" \
      org.opencontainers.image.licenses="Apache-2.0"
# systemd for journalctl alone, which reads the node's journal. Debian keeps one version of it in a release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends systemd \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 65532 sentinel \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sentinel \
    && install --directory --owner=65532 --group=65532 --mode=0700 /var/lib/sentinel-node
COPY --from=node-builder /opt/gcm-sentinel /opt/gcm-sentinel
ENV PATH=/opt/gcm-sentinel/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 65532:65532
EXPOSE 9101 9102
ENTRYPOINT ["sentinel-node"]
CMD ["serve"]

FROM ${PYTHON} AS runtime
LABEL org.opencontainers.image.title="gcm-sentinel" \
      org.opencontainers.image.description="The on-call investigator of a GPU fleet" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 65532 sentinel \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sentinel \
    && install --directory --owner=65532 --group=65532 --mode=0700 /var/lib/gcm-sentinel /var/lib/sentinel
COPY --from=builder /opt/gcm-sentinel /opt/gcm-sentinel
# Started as `docker run` does it, it keeps its state where a volume can be mounted; the chart says the same.
ENV PATH=/opt/gcm-sentinel/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GCM_SENTINEL_STATE_DIR=/var/lib/gcm-sentinel
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["gcm-sentinel"]
CMD ["serve"]
