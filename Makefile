# What a person does with videossr, one target each; `make help` lists them. Set-up happens by itself when needed.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo preview preflight acceptance ui test quick check bench lock clean

VIDEOS ?=
DATA_ROOT ?= .videossr
SEED ?= 0
OVERRIDES ?=
PORT ?= 5000
# Taken literally: neither make nor the shell reads signs in a path.
override VIDEOS := $(value VIDEOS)
override DATA_ROOT := $(value DATA_ROOT)
override OVERRIDES := $(value OVERRIDES)
export VIDEOS DATA_ROOT SEED OVERRIDES PORT

BIN := .venv/bin
BASE := .venv/base.stamp
DEV := .venv/dev.stamp
REQUIREMENTS := pyproject.toml constraints.txt overrides.txt
UV_VERSION := 0.13.9
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --build-constraints constraints.txt
# A package whose hash is not in constraints.txt is refused.
PACKAGES := $(INSTALL) --require-hashes -r pyproject.toml -c constraints.txt --override overrides.txt

# 3.11 first: the versions in constraints.txt were resolved for it.
FIND_PYTHON := for python in $(PYTHON) python3.11 python3.12 python3 python; do \
	"$$python" -c 'import ensurepip, venv, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null \
	&& { echo "$$python"; break; }; done

# Threads that wait by spinning make training 20 times slower when anything else runs on the machine.
OPENMP := OMP_WAIT_POLICY=PASSIVE

# Every import of flytekit leaves temporary folders: they are removed with the run's own.
DEMO_ENV := PYTHONPATH=. FLYTE_LOCAL_CACHE_ENABLED=false HF_HUB_OFFLINE=1 MLFLOW_DISABLE_TELEMETRY=true \
	TOKENIZERS_PARALLELISM=false $(OPENMP)

help: ## List these commands
	@echo "videossr: raw videos in, a better video language model out"
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "Options of demo, preview and ui: VIDEOS=DIR (else clips are generated), DATA_ROOT=$(DATA_ROOT), SEED=$(SEED), PORT=$(PORT)"
	@echo "  OVERRIDES='{\"train\": {\"num_steps\": 60}}' changes single values of the demo (and takes the place of SEED)"

setup: $(DEV) ## Install everything into .venv (demo, ui, test, check and bench do it by themselves)

demo: $(BASE) ## Turn raw videos into a trained, evaluated and promoted small model (VIDEOS=DIR for your own)
	@set -e; TMPDIR=$$(mktemp -d); export TMPDIR; \
	trap 'rm -rf "$$TMPDIR"' EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; \
	overrides=$$OVERRIDES; if [ -z "$$overrides" ]; then overrides="{\"seed\": $$SEED}"; fi; \
	videos=$$VIDEOS; \
	if [ -z "$$videos" ]; then \
		videos=$$DATA_ROOT/generated; \
		echo "No VIDEOS=DIR given: generating clips in $$videos"; \
		$(DEMO_ENV) $(BIN)/python -m tasks.video.generate --out "$$videos" --num 40 --seed 0; \
	fi; \
	$(DEMO_ENV) $(BIN)/pyflyte run workflows/retrain.py retrain --preset demo \
		--videos="$$videos" --data_root="$$DATA_ROOT" --overrides="$$overrides"

preview: $(BASE) ## Show samples of DATA_ROOT as pictures and short videos
	@set -e; TMPDIR=$$(mktemp -d); export TMPDIR; trap 'rm -rf "$$TMPDIR"' EXIT; \
	$(DEMO_ENV) $(BIN)/pyflyte run workflows/preview.py preview --data_root="$$DATA_ROOT" --seed="$$SEED"

preflight: $(BASE) ## Is everything there that a run on the cluster needs? ARGS="--help" tells what can be said
	@$(BIN)/python -m tasks.preflight $(ARGS)

acceptance: $(BASE) ## Try the chart on a cluster, step by step: ARGS="--values FILE --videos s3://BUCKET/FOLDER"
	@GRPC_VERBOSITY=NONE $(BIN)/python -m tests.acceptance $(ARGS)

ui: $(BASE) ## Open MLflow on the runs of DATA_ROOT, on 127.0.0.1:PORT
	@test -f "$$DATA_ROOT/mlflow.db" || { echo "There are no runs in $$DATA_ROOT yet: make demo comes first" >&2; exit 1; }
	@echo "MLflow: http://127.0.0.1:$$PORT, in about ten seconds (Ctrl-C ends it)"
	@MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
		$(BIN)/mlflow server --host 127.0.0.1 --port "$$PORT" --workers 1 \
		--backend-store-uri "sqlite:///$$DATA_ROOT/mlflow.db" --artifacts-destination "$$DATA_ROOT/mlartifacts"

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: $(DEV) ## Run all tests
	@$(PYTEST)

quick: $(DEV) ## Run the tests that start no process, engine or server
	@$(PYTEST) -m 'not slow'

check: $(DEV) ## Lint, formatting, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(DEV) ## Measure what is measured, never asserted (tests/bench)
	@$(BIN)/python -m pytest tests/bench -o python_files='bench_*.py' -s -q

COMPILE := $(BIN)/uv pip compile pyproject.toml --override overrides.txt --python-version 3.11 --upgrade \
	--quiet --no-header --no-annotate --no-emit-index-url --generate-hashes

lock: $(DEV) ## Resolve constraints.txt (CPU, tests) and constraints-gpu.txt (the GPU image) again, with hashes
	$(COMPILE) --extra cpu --extra dev --extra server --output-file constraints.txt
	$(COMPILE) --extra gpu --output-file constraints-gpu.txt
	@if grep -n '://' constraints*.txt; then echo "constraints must not hold URLs" >&2; exit 1; fi

clean: ## Remove caches and build outputs (the environment and the data root stay)
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find rewards tasks workflows tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BASE): $(REQUIREMENTS) | $(BIN)/uv
	@echo "Installing videossr into .venv (several GB the first time)"
	@$(PACKAGES)
	@$(INSTALL) --no-deps --editable .
	@touch $@

$(DEV): $(REQUIREMENTS) | $(BIN)/uv
	@echo "Installing videossr with vLLM and the development tools into .venv (several GB the first time)"
	@$(PACKAGES) --extra cpu --extra dev --extra server
	@$(INSTALL) --no-deps --editable .
	@touch $(BASE) $@

$(BIN)/uv:
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
		echo "videossr needs Python 3.11 or 3.12 with its venv module (on Debian: apt install python3-venv);" >&2; \
		echo "found none as python3.11, python3.12, python3 or python. To name one: make PYTHON=/path/to/python" >&2; \
		exit 1; \
	fi; \
	echo "Creating .venv with $$("$$python" --version)"; \
	"$$python" -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
