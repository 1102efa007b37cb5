# syntax=docker/dockerfile:1.7
# Image of the stages that need a GPU (warm start, calibrate, train, evaluate) and of the model server.
# The CUDA libraries come with the wheels of torch and vLLM: the host brings the driver, and nothing else is needed.
# Build from the repository's root: docker build -f images/gpu.Dockerfile -t videossr-gpu:0.1.0 .
# For a build that can be repeated, pass the digest of the base: --build-arg BASE=python:3.11.14-slim-bookworm@sha256:...
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS build
ENV UV_CACHE_DIR=/var/cache/uv PIP_DISABLE_PIP_VERSION_CHECK=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN pip install --no-cache-dir uv==0.13.9 && python -m venv /opt/venv
WORKDIR /src
# The packages come first: a change of the code does not install them again.
COPY pyproject.toml constraints-gpu.txt overrides.txt ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --python /opt/venv/bin/python --require-hashes --build-constraints constraints-gpu.txt \
    -r pyproject.toml --extra gpu -c constraints-gpu.txt --override overrides.txt
COPY README.md LICENSE ./
COPY rewards rewards
COPY tasks tasks
COPY workflows workflows
# uv leaves a lock that any user may write to.
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --python /opt/venv/bin/python --build-constraints constraints-gpu.txt --no-deps . \
    && rm /opt/venv/.lock

FROM ${BASE}
LABEL org.opencontainers.image.title="videossr-gpu" org.opencontainers.image.licenses="Apache-2.0"
# Triton builds the launchers of its kernels when they are first used: without a C compiler neither torch.compile nor
# vLLM's kernels start. It is the one compiler here; DeepSpeed's fused operators are not built.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin videossr
COPY --from=build /opt/venv /opt/venv
COPY --from=build --chown=root:root /src/workflows /app/workflows
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HF_HUB_DISABLE_TELEMETRY=1 VLLM_NO_USAGE_STATS=1 MLFLOW_DISABLE_TELEMETRY=true \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
# /app is root's: what `pyflyte run --copy all` brings is unpacked where a container starts.
WORKDIR /home/videossr
# Flyte and the chart give the command. For a server (vllm serve), the question is whether it answers; a stage serves
# nothing, and Kubernetes does not look at this.
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=600s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["vllm", "--help"]
