# Each target works as the first command in a fresh clone on a machine with Python 3.11 or newer:
# the environment is made once, and made again only when pyproject.toml or constraints.txt change.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# pip compiles on one core, which takes longer than all the rest of its work.
COMPILE = $(BIN)/python -m compileall -qq -j 0 $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

.PHONY: proofs test book bench kernel experiments lint clean
.DELETE_ON_ERROR:

proofs: $(READY)
	$(BIN)/python -m pytest proofs_check

test: lint
	$(BIN)/python -m pytest tests proofs_check --hypothesis-profile ci
	$(MAKE) --no-print-directory book
	$(BIN)/python -m pytest book

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

book: $(READY)
	$(BIN)/python -W error -m book.build

# Ratios against SciPy and against the published recipe, and how cost grows with size: about ten minutes on one core.
bench: $(READY)
	$(BIN)/python -m benchmarks.against_scipy
	$(BIN)/python -m benchmarks.against_recipe
	$(BIN)/python -m benchmarks.scaling

# Everything that Coq checks, with the table of it: a few minutes on two cores at first, then only what has changed.
kernel: $(READY)
	$(BIN)/python -m proofs_check.kernel

# Every experiment at small size with three seeds, on all cores: at most a quarter of an hour. A killed sweep continues.
experiments: $(READY)
	$(BIN)/python -m book.experiments

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make environments; install its venv module (Debian: apt-get install python3-venv)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --no-compile --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev]'
	@$(COMPILE) || true # some packages bring files that are not meant to be compiled
	@touch $@

clean:
	rm -rf book/_build .pytest_cache .ruff_cache
