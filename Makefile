# Two commands for a fresh machine: `make demo` and `make test`. Both make their own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test test-long lint unit fuzz docs sample demo-data bench accuracy clean

demo: $(VENV)/installed
	$(BIN)/forensics demo --output forensics-demo.html

test: lint unit

lint: $(VENV)/developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar sql

unit: $(VENV)/developer browser
	$(BIN)/pytest -n 2 --dist worksteal -m "not long"

# Everything that needs more than a few minutes.
test-long: $(VENV)/developer browser
	$(BIN)/pytest -n 2 --dist worksteal

# Looks for lines that the parser cannot take; what it learns stays in .fuzz, what breaks becomes .fuzz/crash-….
FUZZ_SECONDS ?= 600
fuzz: $(VENV)/developer
	$(BIN)/pip install -q -e ".[fuzz]"
	mkdir -p .fuzz/corpus
	$(BIN)/python -m tests.fuzz.line_parser -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=.fuzz/ .fuzz/corpus

# docs/causes.md, docs/schema.md, docs/cli.md from the code; a test compares them.
docs: $(VENV)/developer
	$(BIN)/python -m tests.support.generated_docs

# fixtures/demo from the simulator; a test compares it.
demo-data: $(VENV)/developer
	$(BIN)/python -m fixtures.world --demo

# reports/sample from the bundled incident, with the README's pictures; a test compares its data.
sample: $(VENV)/developer browser
	$(BIN)/python -m tests.support.sample_report

bench: $(VENV)/developer
	$(BIN)/python -m tests.benchmarks.ingest
	$(BIN)/python -m tests.benchmarks.attribute

accuracy: $(VENV)/developer
	$(BIN)/python -m tests.benchmarks.accuracy

# What the program brings along, as CycloneDX in forensics.cdx.json: of a clean environment, without what
# only developers need. `pip install` fetches what it has not, so it needs the network or a filled cache.
.PHONY: sbom
sbom: $(VENV)/developer
	$(PYTHON) -m venv --clear .sbom
	.sbom/bin/pip install -q ".[kubernetes]"
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--of JSON -o forensics.cdx.json .sbom/bin/python
	rm -rf .sbom

# Known vulnerabilities of everything installed. It asks the advisory database: without the network it fails,
# and says so.
.PHONY: audit
audit: $(VENV)/developer
	$(BIN)/python -m tests.support.dependency_audit

# The report is tested in a real browser.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy --no-install-recommends chromium; }

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/developer: $(VENV)/installed
	$(BIN)/pip install -q -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz .sbom
