# Every verb sets up what it needs: no step has to be done first, and doing one twice is quick.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXPLORER := schema/explorer
EXPLORER_SOURCES := $(addprefix $(EXPLORER)/,package.json package-lock.json build.mjs explorer.jsx)
BUNDLE := $(EXPLORER)/dist/explorer.js

.PHONY: help install demo test check bench clean

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) $(BUNDLE) ## Make .venv and fetch everything; nothing where it is all there

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	touch $@

# The explorer is a convenience: without Node.js the server says in its place how to get it.
$(BUNDLE): $(EXPLORER_SOURCES)
	@if ! command -v npm > /dev/null; then \
		echo "Node.js is not here, so the explorer is not built; all else works without it."; \
	elif ! (cd $(EXPLORER) && npm ci --silent --no-audit --no-fund && npm run --silent build); then \
		echo "The explorer could not be built (see above); all else works without it." >&2; \
	fi

$(VENV)/.bench-installed: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[bench]'
	touch $@

demo: install ## Fill a demo database, print a key, and serve
	$(BIN)/call-analytics demo

test: install ## Run the tests, on SQLite and on a real PostgreSQL
	$(BIN)/pytest --numprocesses 2

bench: install $(VENV)/.bench-installed ## Measure the service beside a plain one; HUGE=1 adds 10 million calls
	$(BIN)/python -m bench $(if $(HUGE),--huge) $(if $(QUICK),--quick)

check: install ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .

clean: ## Remove everything that was fetched or built
	rm -rf $(VENV) $(EXPLORER)/node_modules $(EXPLORER)/dist build *.egg-info
