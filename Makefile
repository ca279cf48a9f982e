# Every target works alone on a fresh clone: it sets up .venv first, once.
# ARGS is passed on: make test ARGS="-m slow", make app ARGS="--port 8000".

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
ARGS :=

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run app test fuzz check clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 14

run: $(INSTALLED) ## colorize sample photos into colorized/ and print their paths
	@$(PY) scripts/sample_photos.py colorized/gray
	@$(PY) -m colorize colorized/gray -o colorized --overwrite $(ARGS)

app: $(INSTALLED) ## serve the page on this computer
	@$(PY) app.py $(ARGS)

test: $(INSTALLED) ## run the tests
	@$(PY) -m pytest $(ARGS)

fuzz: $(INSTALLED) ## try broken photo files for a minute (Linux)
	@$(PY) -m pip install --quiet --editable '.[fuzz]'
	@$(PY) -m tests.photo.fuzz -max_total_time=60 $(ARGS)

check: $(INSTALLED) ## lint, format and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

clean: ## remove what is made from the source; .venv and colorized/ stay
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

# The stamp is newer than pyproject.toml when nothing is left to install. The list of names tries `python3` first;
# ensurepip is what Debian keeps in a package of its own.
$(INSTALLED): pyproject.toml
	@$(PY) -m pip --version >/dev/null 2>&1 || { \
		for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
			if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
				echo "Making $(VENV) with $$($$python --version)" >&2; \
				exec $$python -m venv --clear $(VENV); \
			fi; \
		done; \
		echo "Python 3.11 or later with its venv module is needed (Debian, Ubuntu: apt install python3-venv);" \
			"name another one with make PYTHON=/path/to/python" >&2; \
		exit 1; \
	}
	@echo "Installing packages into $(VENV): PyTorch among them, up to 3 GB to download, some minutes" >&2
	@$(PY) -m pip install --quiet --editable '.[dev]'
	@touch $@
