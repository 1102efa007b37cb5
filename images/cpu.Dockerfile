# syntax=docker/dockerfile:1.7
# Image of the stages without a GPU (ingest, perturb, validate, promote), of the MLflow server and of the registration
# job. Build from the repository's root: docker build -f images/cpu.Dockerfile -t videossr-cpu:0.1.0 .
# For a build that can be repeated, pass the digest of the base: --build-arg BASE=python:3.11.14-slim-bookworm@sha256:...
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS build
ENV UV_CACHE_DIR=/var/cache/uv PIP_DISABLE_PIP_VERSION_CHECK=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN pip install --no-cache-dir uv==0.13.9 && python -m venv /opt/venv
WORKDIR /src
# The packages come first: a change of the code does not install them again.
COPY pyproject.toml constraints.txt overrides.txt ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --python /opt/venv/bin/python --require-hashes --build-constraints constraints.txt \
    -r pyproject.toml --extra server -c constraints.txt --override overrides.txt
COPY README.md LICENSE ./
COPY rewards rewards
COPY tasks tasks
COPY workflows workflows
# uv leaves a lock that any user may write to.
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --python /opt/venv/bin/python --build-constraints constraints.txt --no-deps . \
    && rm /opt/venv/.lock

FROM ${BASE}
LABEL org.opencontainers.image.title="videossr-cpu" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin videossr
COPY --from=build /opt/venv /opt/venv
COPY --from=build --chown=root:root /src/workflows /app/workflows
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HF_HUB_DISABLE_TELEMETRY=1 MLFLOW_DISABLE_TELEMETRY=true OMP_WAIT_POLICY=PASSIVE
USER 10001:10001
# /app is root's: what `pyflyte run --copy all` brings is unpacked where a container starts.
WORKDIR /home/videossr
# Flyte and the chart give the command; by itself the image serves MLflow, and is asked whether it does.
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5000/health', timeout=4)"]
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--backend-store-uri", "sqlite:////tmp/mlflow.db", "--artifacts-destination", "/tmp/mlartifacts"]
