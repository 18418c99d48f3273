# Needs make and Python 3.11 or 3.12; everything else is installed below .venv.
#   make demo    the main job on text from this machine          make bench   beside other tools (bench-quick, bench-full)
#   make test    lint and all tests but those of real things     make soak    minutes to hours: sizes, kills, memory
#   make real    tests against the real things                   make lint    ruff, mypy, import contracts
# Another interpreter: make PYTHON=/path/to/python3.12. Fewer test processes: make test WORKERS=0.

VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' pipeline/__init__.py)
CACHE := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/winnow/$(VERSION)
BIN := .venv/bin
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest

# A third of a small run is spent in fsync: tests write to memory where that has room.
SHM := $(shell df -k --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 8e6 {print "/dev/shm"}')

export PYTHON
export NUMBA_CACHE_DIR := $(CACHE)/numba
export UV_CACHE_DIR := $(CACHE)/uv

# Tests start many processes: none of them is to compile what it imports anew.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test real bench bench-quick bench-full soak lint cover clean

demo: .venv/.base
	$(BIN)/winnow demo build/demo

test: export TMPDIR := $(or $(SHM),$(TMPDIR),/tmp)
test: lint
	$(PYTEST) -m "not real and not soak" -n $(WORKERS) --dist worksteal

real: .venv/.dev
	$(PYTEST) -m real

bench bench-quick bench-full: .venv/.dev
	$(BIN)/python -m tests.benchmarks $(subst bench-,,$@)

soak: .venv/.dev
	$(PYTEST) -m soak

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

cover: .venv/.dev
	$(PYTEST) -m "not real and not soak" -n $(WORKERS) --dist worksteal --cov --cov-report term

clean:
	rm -rf build dist .*_cache .hypothesis .coverage*
	find pipeline synth tests -name __pycache__ -prune -exec rm -rf {} +

# An install runs again when what it installs has changed, and not before.
.venv/.base: pyproject.toml .ci/install
	.ci/install .
	touch $@

.venv/.dev: pyproject.toml .ci/install
	.ci/install '.[dev]'
	touch .venv/.base $@
