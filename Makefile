# Two commands do all the set-up on a fresh machine: "make run" (the demo) and "make test" (everything).
# Both are quick the second time: what was installed or fetched is stamped by the digest of what asked for it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The lists are complete, so pip need not look for more. (If it did, one older than 23.3 would warn that lxml has no extra
# html_clean, which justext asks for: lxml calls it html-clean.) pip check then says if something is missing.
# What has no wheel is built by the setuptools of the lists, so nothing else is downloaded.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --use-pep517
CHECK := found=$$($(BIN)/pip check --disable-pip-version-check) || { echo "$$found" >&2; exit 1; }
STAMP := $(VENV)/installed
DEV := $(VENV)/installed-dev
PYTEST ?= $(BIN)/pytest
WORKERS ?= 2
# Quick tests wait for half of their time: for commands, browsers, streams.
QUICK_WORKERS ?= 3
KILLS ?= 200
QUICK := not kafka and not flink and not growth and not slow and not corpus and not containers and not kubernetes
LAWS = $(shell grep -rlE '@given|RuleBasedStateMachine|shares\(' tests --include='test_*.py')
# Each store commit waits for the disk: the quick tests' files are in memory if it has 3 GB and lets programs run.
RAM := $(shell df -k /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 3000000' | grep -q . && \
	! grep -q '^[^ ]* /dev/shm [^ ]* [^ ]*noexec' /proc/mounts && echo /dev/shm)

# Tests start hundreds of processes; an environment without bytecode would compile our modules in each.
export PYTHONDONTWRITEBYTECODE :=
test-quick test-thorough coverage: export PYTEST_DEBUG_TEMPROOT := $(RAM)

.PHONY: help run install dev format check types test test-quick coverage test-thorough test-servers test-growth test-containers test-kubernetes jars bench bench-quick bench-match bench-connect bench-stories bench-search bench-desk bench-alerts bench-slow-pages bench-replay bench-kafka bench-tracing bench-kills soak bench-latency lock clean torture screenshots contracts reference docs messages

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

run: install ## install, then the demo: sample outlets, pipeline, articles and alerts on the terminal
	@$(BIN)/wirewatch up --demo

install: $(STAMP) ## install Wirewatch into .venv

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found: install Python 3.11 or newer, or say PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11: install Python 3.11, or say PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "make: no virtual environments: on Debian, apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(STAMP): constraints.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV) ..."
	@awk '/^[^ ]/ { wanted = /^setuptools==/ } wanted' constraints.txt > $(VENV)/setuptools.txt
	@$(INSTALL) --require-hashes -r $(VENV)/setuptools.txt
	@$(INSTALL) --require-hashes -r constraints.txt
	@$(INSTALL) --editable .
	@$(CHECK)
	@touch $@

dev: $(DEV)

$(DEV): constraints-dev.txt $(STAMP)
	@echo "installing what the tests need ..."
	@$(INSTALL) --require-hashes -r constraints-dev.txt
	@$(CHECK)
	@touch $@

format: dev ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: dev ## formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test-growth: dev ## what is asked all the time does not grow: a PostgreSQL store of 20 million outcomes (40 GB in the temporary folder; ROWS)
	GROWTH_ROWS=$(or $(ROWS),20000000) $(PYTEST) -n 0 -s -m growth tests/growth $(ARGS)

jars: ## fetch Kafka and Flink into .cache (Maven)
	@deploy/local/kafka.sh --fetch
	@deploy/local/flink.sh --fetch
	@deploy/local/mirror.sh --fetch

test: check test-quick test-servers bench-quick ## everything: checks, quick tests, tests on real servers, then speed beside peers

test-quick: dev ## tests that need no server
	$(PYTEST) -n $(QUICK_WORKERS) --dist worksteal -m '$(QUICK)' $(ARGS)

test-thorough: export HYPOTHESIS_PROFILE := thorough
test-thorough: dev ## the laws of the quick tests with four times as many examples
	$(PYTEST) -n $(WORKERS) --dist worksteal -m '$(QUICK)' $(ARGS) $(LAWS)

coverage: dev ## the share of each package that the quick tests reach, child processes counted, beside its floor (RAISE=1; page in .cache/coverage)
	@rm -rf .cache/coverage && mkdir -p .cache/coverage
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal -m '$(QUICK)' $(ARGS)
	@$(BIN)/python -m tests.coverage_floors $(if $(RAISE),--raise)

test-servers: dev jars ## tests on a real Kafka and a real Flink, in a browser, and of whole installations
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m '(kafka or flink or slow or corpus) and not growth and not containers and not kubernetes' $(ARGS)

test-containers: dev jars ## deploy/compose.yaml on a container engine of its own, with killed and upgraded parts (root, Docker, Go; 9 GB in .cache)
	$(PYTEST) -n 0 -s -x -m containers tests/containers $(ARGS)

test-kubernetes: dev ## deploy/kubernetes applied to a kube-apiserver with the operators' definitions (Go, a JDK, Maven, etcd; the first time it is built)
	$(PYTEST) -n 0 -m kubernetes tests/kubernetes $(ARGS)

bench: dev ## all benches, one report: ratios to peers of the same run, tables and plots in docs/performance.md (hours; ONLY="replay match")
	$(BIN)/python -m benchmarks.report $(if $(ONLY),--only $(ONLY)) $(ARGS)

bench-quick: dev ## a minute: fails if a part is more than a fifth slower beside its peer than what is committed
	$(BIN)/python -m benchmarks.report --quick $(ARGS)

bench-match: dev ## query matching beside Lucene Monitor, and with 350,000 queries (a JDK, Maven, ../shared/corpora)
	$(BIN)/python -m benchmarks.match

bench-connect: dev ## 5,000 feeds polled beside a plain loop, and four simulated weeks of the schedule
	$(BIN)/python -m benchmarks.connect

bench-stories: dev ## the story stage with 300,000 articles in the window
	$(BIN)/python -m benchmarks.stories

torture: dev jars ## kill everything at random moments, on SQLite, Kafka+PostgreSQL and Flink (KILLS=200 SEED=...)
	$(BIN)/python -m benchmarks.torture --kills $(KILLS) $(if $(SEED),--seed $(SEED)) --out benchmarks/torture/results/torture.csv $(ARGS)

bench-kills: dev ## kill -9 of a service of wirewatch up every ten seconds for five minutes: each feed polled again within 10 s (SECONDS SEEDS="1 2 3")
	$(BIN)/python -m benchmarks.kills --seconds $(or $(SECONDS),300) $(foreach seed,$(or $(SEEDS),1 2 3),--seed $(seed))

soak: dev jars ## 30 minutes at 10 articles/s on real servers, then idle: memory, CPU, lag into a CSV (MINUTES RATE IDLE_MINUTES SLOW=0.01 DRIVER=slices|flink STORE=postgres|sqlite)
	$(BIN)/python -m benchmarks.soak --driver $(or $(DRIVER),slices) --store $(or $(STORE),postgres) --minutes $(or $(MINUTES),30) --rate $(or $(RATE),10) --slow-share $(or $(SLOW),0) --idle-minutes $(or $(IDLE_MINUTES),3)

bench-latency: dev jars ## raw append to stored alert at 5 articles/s on both drivers (MINUTES RATE STORE)
	$(BIN)/python -m benchmarks.soak latency --driver slices --store $(or $(STORE),postgres) --minutes $(or $(MINUTES),3) --rate $(or $(RATE),5)
	$(BIN)/python -m benchmarks.soak latency --driver flink --store $(or $(STORE),postgres) --minutes $(or $(MINUTES),3) --rate $(or $(RATE),5)

bench-kafka: dev jars ## our reader and appends beside Kafka's own performance tools, on one broker (ARGS="--rounds 3")
	$(BIN)/python -m benchmarks.kafka_clients $(ARGS)

bench-replay: dev ## articles a second from a WARC at --speed max beside bare trafilatura (../shared/corpora)
	$(BIN)/python -m benchmarks.replay

bench-alerts: dev ## 10,000 subscriptions, a burst of 1,000 articles about one event: one alert each
	$(BIN)/python -m benchmarks.alerts

bench-slow-pages: dev ## what 1 and 5 % slow pages cost the others, embedded, at 20 articles/s (SECONDS)
	$(BIN)/python -m benchmarks.slow_pages --seconds $(or $(SECONDS),60)

bench-tracing: dev ## what traces cost: CPU with and without them, in turns (ARGS="--rounds 7")
	$(BIN)/python -m benchmarks.tracing $(ARGS)

bench-search: dev ## search and backtests over 1,000,000 generated articles (3 GB in .cache, made once)
	$(BIN)/python -m benchmarks.search $(ARGS)

contracts: dev ## the contracts of the streams (JSON Schema, AsyncAPI) into docs/contracts; refuses what breaks readers
	$(BIN)/wirewatch streams contracts docs/contracts

reference: dev ## the pages of docs/reference, from the code: commands, metrics, fields of records, API
	$(BIN)/python -m wirewatch.reference docs/reference

messages: dev ## the sentences of the desk's pages into the catalogues of desk/languages (LANGUAGE=fr begins another language)
	@$(BIN)/python -m tests.desk.messages $(LANGUAGE)

docs: dev ## the documentation as a site, into .cache/site
# Not --quiet: it hides warnings from strict too, and a broken link passes.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build && echo "docs: .cache/site/index.html"

screenshots: dev ## pictures of the desk's pages, from the demo, into docs/images (Chromium)
	$(BIN)/python -m tests.desk.screenshots

bench-desk: dev ## the desk on 1,000,000 stored articles: pages, search, first paint, 200 open streams, memory (12 GB in .cache; ARTICLES PARTS)
	$(BIN)/python -m benchmarks.desk --articles $(or $(ARTICLES),1000000) $(if $(PARTS),--parts $(PARTS)) $(ARGS)

lock: ## bring the constraints files up to date (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group build -o constraints.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group dev --extra postgres --extra tracing -o constraints-dev.txt

clean: ## remove what was built, fetched and installed
	rm -rf $(VENV) .cache var build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
