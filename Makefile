# Two commands for a fresh machine: `make demo` and `make test`. Both make their own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo practice test test-long test-spark lint unit fuzz docs site sample demo-data bench accuracy clean

demo: $(VENV)/installed
	$(BIN)/forensics demo --output forensics-demo.html

test: lint unit

lint: $(VENV)/developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar sql

unit: $(VENV)/developer browser programs
	$(BIN)/pytest -n 3 --dist worksteal -m "not long and not spark"

# Everything that needs more than a few minutes.
test-long: $(VENV)/developer browser programs
	LONG_SUITES=1 $(BIN)/pytest -n 3 --dist worksteal -m "not spark"

# Both engines give the same: every query of sql/, the bundled incident, simulated ones, ingest, and a cluster of a master
# and two workers on loopback that loses one of them. Some half an hour; pyspark (450 MB) and Java 17 are installed.
test-spark: $(VENV)/developer java
	$(BIN)/pip install -q -e ".[spark]"
	$(BIN)/pytest -m spark tests/spark

# Looks for lines that the parser cannot take; what it learns stays in .fuzz, what breaks becomes .fuzz/crash-….
FUZZ_SECONDS ?= 600
fuzz: $(VENV)/developer
	$(BIN)/pip install -q -e ".[fuzz]"
	mkdir -p .fuzz/corpus
	$(BIN)/python -m tests.fuzz.line_parser -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=.fuzz/ .fuzz/corpus

# An S3 bucket and an AWS account on loopback with the incident of docs/tutorial.md, until Ctrl-C.
practice: $(VENV)/developer
	rm -rf practice
	$(BIN)/python -m tests.support.practice practice

# docs/causes.md, docs/schema.md, docs/cli.md, docs/forensics.1, ... from the code; a test compares them. Then the site.
docs: $(VENV)/developer
	$(BIN)/python -m tests.support.generated_docs
	$(BIN)/python -m tests.support.site out/site

# The documents as a site in out/site, offline; a link that leads nowhere ends it.
site: $(VENV)/developer
	$(BIN)/python -m tests.support.site out/site

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

# Spark runs on it.
.PHONY: java
java:
	@command -v java >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy --no-install-recommends openjdk-17-jre-headless; }

# systemd verifies its units, the shells complete, groff reads the manual page.
PROGRAMS := systemd-analyze:systemd zsh:zsh fish:fish groff:groff-base
.PHONY: programs
programs:
	@for one in $(PROGRAMS); do command -v $${one%:*} >/dev/null || missing="$$missing $${one#*:}"; done; \
	[ -z "$$missing" ] || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy --no-install-recommends $$missing; }

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/developer: $(VENV)/installed
	$(BIN)/pip install -q -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz .sbom
