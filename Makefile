# Every target works on a fresh clone: one that needs the environment builds it first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SPARK := .venv/.spark
FORGES := tests/forges/node_modules/.ready

.DEFAULT_GOAL := help
.PHONY: help setup spark demo test check focus bench accuracy golden fuzz nightly security bundle bundle-page arm64 scale-page running-cost release scan e2e lock serve clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock requirements-uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Trimtab needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 …") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --only-binary :all: requirements.lock requirements-uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# Apache Spark comes as source only, 456 MB: it is built from its hash, by the setuptools of requirements.lock, and not where no Java is.
$(SPARK): $(READY) requirements-spark.txt
	@if command -v java >/dev/null; then \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --require-hashes -r requirements-spark.txt && touch $@; \
	else echo "NO JAVA HERE: what runs on Spark is skipped; install openjdk-17-jre-headless to run it"; fi

# What GitHub publishes about its API, by hash and without scripts; only the two documents that are read are kept, of 400 MB.
$(FORGES): tests/forges/package.json tests/forges/package-lock.json
	@if command -v npm >/dev/null; then \
	  (cd tests/forges && npm ci --ignore-scripts --no-audit --no-fund --silent) && \
	  find tests/forges/node_modules/@octokit/openapi/generated -type f ! -name api.github.com.json -delete && touch $@; \
	else echo "NO NPM HERE: what needs GitHub's published description is skipped; install nodejs and npm to run it"; fi

spark: $(SPARK) ## add Apache Spark to .venv, where Java 17 is

setup: $(READY) ## build .venv from the hash-locked requirements

demo: $(READY) ## the whole loop on the bundled estate, offline
	$(BIN)/trimtab demo

serve: $(READY) ## the local page over the demo's store
	$(BIN)/trimtab serve

test: $(SPARK) $(FORGES) ## all tests; what is skipped is listed with its reason
	$(BIN)/python -m tests.focus.environment
	$(BIN)/python -m pytest -n auto --dist loadscope -p no:cacheprovider

check: $(READY) ## format, lint, types, imports
	$(BIN)/ruff format --check shared functions infra tests
	$(BIN)/ruff check shared functions infra tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

e2e: $(FORGES) ## the demo, killed and repeated; the page in a real browser; all of it deployed to clouds on this machine with either forge, then again with deaths (SEED=1)
	TRIMTAB_WHOLE=$(or $(SEED),1) $(BIN)/python -m pytest -n 2 --dist loadscope -p no:cacheprovider tests/e2e tests/browser tests/whole

golden: $(READY) ## write the golden texts anew; read the diff before you commit it
	TRIMTAB_GOLDEN=write $(BIN)/python -m pytest -q -p no:cacheprovider tests/golden

fuzz: $(READY) ## 10,000 hostile requests at every door; a seed of TRIMTAB_FUZZ_SEED repeats a run
	TRIMTAB_FUZZ=10000 $(BIN)/python -m pytest -n auto -p no:cacheprovider tests/fuzz

nightly: $(READY) ## the whole flow in any order, 20,000 steps with crashes and two workers; and the crash matrix at every call
	TRIMTAB_NIGHTLY=1 $(BIN)/python -m pytest -n auto -p no:cacheprovider tests/property/test_flow_machine.py tests/flow/test_crash_matrix_everywhere.py

security: $(READY) ## write docs/security.md from the tests that prove its rows
	$(BIN)/python -m tests.security.page

bundle: $(READY) ## a zip per function and cloud in dist/; BUNDLES="receive merge" and ARCHITECTURE=arm64 narrow it down
	$(BIN)/python -m infra.bundles --architecture $(or $(ARCHITECTURE),x86_64) $(BUNDLES)

arm64: $(READY) ## import the arm64 bundles alone on this machine, by Debian's Python for arm64 under QEMU (needs apt-get, not root)
	$(BIN)/python -m infra.bundles.emulated

scale-page: $(READY) $(FORGES) ## run propose over 1,000 clusters and write docs/scale.md; it takes about half an hour
	$(BIN)/python -m tests.bench.scale_page

bundle-page: $(READY) ## measure the bundles and write docs/bundles.md
	$(BIN)/python -m infra.bundles.measure

running-cost: $(READY) $(FORGES) ## measure what functions do for an event and write docs/running-cost.md (half an hour)
	$(BIN)/python -m tests.running
	$(BIN)/python -m infra.running

release: $(READY) ## what a release offers, in dist/release; TAG=v1.2.3 must be of this version
	$(BIN)/python -m infra.bundles.release "$$TAG"

scan: $(READY) ## static rules over both Terraform trees (checkov) and the workflows (zizmor)
	$(BIN)/python -m infra.scan

focus: $(READY) ## the official FOCUS validator over the demo's months (Python 3.12; where there is none, that is said loudly)
	$(BIN)/python -m tests.focus.estate

bench: $(READY) $(FORGES) ## one JSON line per measured row: ratios taken in one run
	$(BIN)/python tests/bench/run.py

accuracy: $(READY) ## measure the models on held-out data and write docs/accuracy.md
	$(BIN)/python tests/accuracy/run.py

lock: $(READY) ## resolve the requirements anew, with hashes and without addresses
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --all-extras --group dev --no-emit-package pyspark pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --extra cli -c requirements.lock pyproject.toml -o infra/kubernetes/requirements.txt
	echo 'pyspark>=4.1,<5' | $(BIN)/uv pip compile --quiet --no-deps --universal --generate-hashes --no-emit-index-url --no-header - -o requirements-spark.txt
	printf 'focus_validator==2.2.1\npyarrow<20\npoetry-core>=2,<3\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header --no-annotate --no-emit-package pandasql --no-emit-package sqlalchemy - -o requirements-focus.txt
	echo 'checkov' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --only-binary :all: - -o requirements-scan.txt
	echo 'uv' | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header - -o requirements-uv.txt

clean: ## remove the environment and what was built; a store is yours to remove
	rm -rf .venv build dist
