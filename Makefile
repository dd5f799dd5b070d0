# Two commands are enough on a fresh machine with make and Python 3.11 or later: `make demo` and `make test`.
# Without an NVIDIA GPU, save a download of some GB on Linux with torch's own index of CPU builds:
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make demo

VENV := .venv
BIN := $(VENV)/bin
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	"$$python" -c '$(RECENT)' 2>/dev/null && echo "$$python" && break; done)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check conformance claims bench docs wheels clean

help:
	@echo "make demo         install into .venv, reproduce every published number within minutes, write report.html"
	@echo "make test         the tests, under 8 minutes on two cores"
	@echo "make check        ruff, mypy --strict, import-linter"
	@echo "make conformance  the long tests: kills, fuzz, further variants"
	@echo "make claims       every published number again, with its full budget; takes hours, goes on after Ctrl-C"
	@echo "make bench        how fast, question by question"
	@echo "make docs         run the README's first command and draw its pictures again, from runs/"
	@echo "make wheels       one wheel for each platform into dist/, its kernels compiled here"
	@echo "make clean        remove .venv and caches; runs/ stays"

demo: $(VENV)/.installed
	$(BIN)/unrolled reproduce --budget quick --runs runs --out report.html
	@echo "Open report.html in a browser. Then try: $(BIN)/unrolled train palindromes"

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

conformance: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 -m conformance --timeout=1800

claims: $(VENV)/.installed
	$(BIN)/unrolled reproduce --budget full --runs runs --out report.html

bench: $(VENV)/.installed-dev
	@set -e; for question in benchmarks/*.py; do echo "== $$question"; $(BIN)/python "$$question"; done

docs: $(VENV)/.installed
	$(BIN)/python docs/refresh.py

PLATFORMS := linux-x86_64 linux-aarch64 macos-arm64 macos-x86_64 windows-x86_64

wheels: $(BIN)/python
	@set -e; for platform in $(PLATFORMS); do \
		UNROLLED_TARGET=$$platform $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
			--constraint constraints.txt --wheel-dir dist .; \
	done; ls dist

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "error: no Python 3.11 or later on the path; install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -c '$(RECENT)' || { \
		echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1); Python 3.11 or later is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: $(PYTHON) has no venv; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-test: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable ".[test]"
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable ".[dev]"
	@touch $@ $(VENV)/.installed-test $(VENV)/.installed
