# The image of gcm-sentinel and sentinel-gateway: both programs, every extra, no root, nothing that builds.
#
#   docker build --tag gcm-sentinel .
#   docker buildx build --sbom=true --provenance=mode=max --tag REGISTRY/gcm-sentinel:VERSION --push .
#
# Pin the base by its digest where you build for others: --build-arg PYTHON=python:3.11.14-slim-trixie@sha256:...
# What goes in beside the base is pinned with hashes in uv.lock, the build's own tools as well.

ARG PYTHON=python:3.11.14-slim-trixie

FROM ${PYTHON} AS builder
ENV UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/gcm-sentinel \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build
RUN pip install --no-cache-dir uv==0.13.8

# The locked dependencies first: they change more rarely than the code.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --all-extras --no-install-project

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
