# Every target works alone on a fresh clone: it sets up .venv first, once, with what it needs.
# ARGS is passed on: make test ARGS="-m slow", make app ARGS="--port 8000".

VENV := .venv
PY := $(VENV)/bin/python
# Stamps of what is installed: the core, with the page, everything.
CORE := $(VENV)/.installed-core
WEB := $(VENV)/.installed-web
DEV := $(VENV)/.installed-dev
ARGS :=

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run app test fuzz check docs clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 14

run: $(CORE) ## colorize sample photos into colorized/ and print their paths
	@$(PY) -m colorize colorize/samples -o colorized --overwrite $(ARGS)

app: $(WEB) ## serve the page on this computer
	@$(PY) app.py $(ARGS)

# Steps of their own, so that each says how long it takes; with ARGS what they say, once. More than four processes would
# spend more on importing than they gain. A file's tests stay together: they share servers, films and trainings.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile
test: $(DEV) ## run the tests: the default suite, then server, processes, films, study, browser
ifeq ($(ARGS),)
	@$(PY) -m pytest $(PARALLEL)
	@$(PY) -m pytest -m "web and not slow" $(PARALLEL)
	@$(PY) -m pytest -m "process and not slow" $(PARALLEL)
	@$(PY) -m pytest -m "film and not slow" $(PARALLEL)
	@$(PY) -m pytest -m "study and not slow" $(PARALLEL)
	@$(PY) -m pytest -m "browser and not slow" $(PARALLEL)
else
	@$(PY) -m pytest $(ARGS)
endif

fuzz: $(DEV) ## try broken photo files for a minute (Linux)
	@$(PY) -m pip install --quiet --editable '.[fuzz]'
	@$(PY) -m tests.photo.fuzz -max_total_time=60 $(ARGS)

check: $(DEV) ## lint, format and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

docs: $(DEV) ## build the documentation into build/docs, warnings being errors
	@$(PY) -m sphinx --fail-on-warning --quiet -b html docs build/docs
	@echo build/docs/index.html

clean: ## remove what is made from the source; .venv and colorized/ stay
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

# A stamp is newer than pyproject.toml when nothing is left to install. A larger installation holds the smaller ones.
$(CORE): pyproject.toml
	$(call install,.,60 MB to download)
	@touch $(CORE)

$(WEB): pyproject.toml
	$(call install,.[web],110 MB to download)
	@touch $(CORE) $(WEB)

$(DEV): pyproject.toml
	$(call install,.[dev],PyTorch among them: up to 3 GB to download$(comma) some minutes)
	@touch $(CORE) $(WEB) $(DEV)

comma := ,

# $(call install,what pip installs,what to expect). The list of names tries `python3` first; ensurepip is what Debian keeps
# in a package of its own. Python compiles what it imports: compiling all of it takes longer than installing the core.
define install
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
	@echo "Installing packages into $(VENV), $(2)" >&2
	@$(PY) -m pip install --quiet --no-compile --editable '$(1)'
endef
