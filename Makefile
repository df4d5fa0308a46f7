# Everything runs from .venv in the project's root; nothing else needs to be installed but Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-cluster cluster-tools test-gpu gpu-tools check format protos eval scorecard bench clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## Create .venv with the locked dependencies

$(STAMP): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13'
	@$(BIN)/uv sync --frozen --quiet
	@touch $@

demo: $(STAMP) ## Investigate simulated incidents end to end; prints verdicts and the report's path
	@$(BIN)/gcm-sentinel demo

test: $(STAMP) ## The fast tests, in parallel, without network
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow" $(PYTEST_ARGS)

test-slow: $(STAMP) ## The tests that take minutes
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow $(PYTEST_ARGS)

test-cluster: $(STAMP) cluster-tools ## The tests against a real Kubernetes API server on loopback
	$(BIN)/python -m pytest -m cluster tests/cluster $(PYTEST_ARGS)

cluster-tools: ## Build that server and what belongs to it into .cache, once; needs Go
	@tests/cluster/tools/build.sh

test-gpu: $(STAMP) gpu-tools ## The probes on this machine's NVIDIA GPU, and their figures; fails without one
	@status=0; GCM_TEST_GPU=1 $(BIN)/python -m pytest -m gpu tests/gpu $(PYTEST_ARGS) || status=1; \
	$(BIN)/python -m tests.gpu.measure $(MEASURE_ARGS) || status=1; exit $$status

gpu-tools: $(STAMP) ## Install what fits this machine's NVIDIA driver: CuPy, the compiler, and cuBLAS to compare with
	@$(BIN)/python -m tests.gpu.tools

check: $(STAMP) ## Format, lint, types, generated code, import contracts, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src tests proto
	$(BIN)/python proto/generate.py --check
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/docs

format: $(STAMP) ## Format and sort imports in place
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

protos: $(STAMP) ## Write src/sentinel from proto/
	$(BIN)/python proto/generate.py

eval: $(STAMP) ## Run every scenario with the playbook engine and score it
	$(BIN)/gcm-sentinel eval --engine playbook --seeds 3

scorecard: $(STAMP) ## Run every scenario with 5 seeds and write docs/scorecard.html
	@mkdir -p .cache
	$(BIN)/gcm-sentinel eval --engine playbook --seeds 5 --output .cache/scorecard.json --html docs/scorecard.html

bench: $(STAMP) ## Print the figures of the performance budgets
	$(BIN)/python -m gcm_sentinel.evals.bench

clean: ## Remove what the other targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache dist demo-output
