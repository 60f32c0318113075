# Every verb sets up what it needs: no step has to be done first, and doing one twice is quick.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXPLORER := web/explorer
EXPLORER_SOURCES := $(addprefix $(EXPLORER)/,package.json package-lock.json build.mjs explorer.jsx key.js)
BUNDLE := $(EXPLORER)/dist/explorer.js

CLIENTS := tests/clients
CLIENTS_INSTALLED := $(CLIENTS)/node_modules/.package-lock.json
URL ?= http://127.0.0.1:8000/graphql

.PHONY: help install demo test quick test-hard check audit bench soak clean

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) $(BUNDLE) $(CLIENTS_INSTALLED) ## Make .venv and fetch everything; nothing where it is all there

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	mkdir -p $(VENV)/src && ln -sfn ../.. $(VENV)/src/call_analytics
	touch $@

# The explorer is a convenience: without Node.js the server says in its place how to get it.
$(BUNDLE): $(EXPLORER_SOURCES)
	@if ! command -v npm > /dev/null; then \
		echo "Node.js is not here, so the explorer is not built; all else works without it."; \
	elif ! (cd $(EXPLORER) && npm ci --silent --no-audit --no-fund && npm run --silent build); then \
		echo "The explorer could not be built (see above); all else works without it." >&2; \
	fi

# So are the JavaScript clients that tests use: without Node.js those tests are skipped, loudly.
$(CLIENTS_INSTALLED): $(addprefix $(CLIENTS)/,package.json package-lock.json)
	@if ! command -v npm > /dev/null; then \
		echo "Node.js is not here, so the JavaScript clients are not tested."; \
	elif ! (cd $(CLIENTS) && npm ci --silent --no-audit --no-fund && touch node_modules/.package-lock.json); then \
		echo "The JavaScript clients could not be fetched (see above)." >&2; \
	fi

$(VENV)/.bench-installed: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[bench]'
	touch $@

demo: $(INSTALLED) $(BUNDLE) ## Fill a demo database, print a key, and serve
	$(BIN)/call-analytics demo

# More processes than cores, for many tests wait for a server; and none idles while another is late.
test: install ## Run the tests, on SQLite and on a real PostgreSQL
	$(BIN)/pytest --numprocesses 4 --dist worksteal

quick: install ## Run the tests that need neither a PostgreSQL nor a server, in under a minute
	$(BIN)/pytest --numprocesses 4 --dist worksteal \
		-m 'not (needs_postgresql or starts_server or generates_documents or slow)'

test-hard: install ## Run the tests again and again, with every core kept busy (over an hour)
	$(BIN)/python -m tests.hard

audit: install ## Audit a running server's GraphQL over HTTP: URL=... KEY=...
	node $(CLIENTS)/audit.mjs $(URL) $(KEY)

bench: install $(VENV)/.bench-installed ## Measure the service beside a plain one; HUGE=1 adds 10 million calls
	$(BIN)/python -m bench $(if $(HUGE),--huge) $(if $(QUICK),--quick)

soak: install ## Load several workers while things break, for SECONDS=150
	$(BIN)/python -m tests.soak $(if $(SECONDS),--seconds $(SECONDS))

check: install ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean: ## Remove everything that was fetched or built
	rm -rf $(VENV) $(EXPLORER)/node_modules $(EXPLORER)/dist $(CLIENTS)/node_modules build *.egg-info
