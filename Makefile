# `make demo` and `make test` do everything on a fresh machine that has Python 3.11 or newer.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   := .demo
CLIENTS := .venv-clients
AUDIT := .venv-audit
PEERS  := .venv-peers
READY  := $(VENV)/.ready
FUZZ   ?= 100000
EXAMPLES ?= 10000

.PHONY: demo test lint types unit test-heavy test-clients golden fuzz audit mutation bench bench-peers test-browser clean

demo: $(READY)
	@rm -rf $(DEMO) && mkdir $(DEMO)
	$(BIN)/provision local init $(DEMO)/cluster.db --from examples/quickstart/live.json
	$(BIN)/provision apply examples/quickstart/site.yaml --cluster local:$(DEMO)/cluster.db --yes -o $(DEMO)/files
	$(BIN)/provision apply examples/quickstart/site.yaml --cluster local:$(DEMO)/cluster.db --yes

test: $(READY) lint types unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy -p provisioner
	$(BIN)/mypy tests

unit: $(READY)
	$(BIN)/pytest -n auto -m "not browser and not heavy"

# What takes too long for every change: half an hour of two processors. EXAMPLES=1000 is quicker.
test-heavy: $(READY)
	$(BIN)/pytest -n auto -m heavy
	PROVISION_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n auto tests/property/test_merge.py tests/property/test_splice.py tests/property/test_yamledit.py

# The MCP clients themselves, from their registries: about 2.4 GB, and half an hour. Writes
# into docs/clients.md with which releases it passed.
test-clients: $(READY)
	$(BIN)/pytest tests/end_to_end/clients --clients $(CLIENTS) --rewrite-golden

golden: $(READY)
	$(BIN)/pytest tests/golden --rewrite-golden

test-browser: $(READY)
	@command -v chromium chromium-browser google-chrome >/dev/null || { echo "Chromium is needed: apt-get install chromium" >&2; exit 1; }
	$(BIN)/pytest -m browser

# 100,000 spoiled inputs for each reader: three hours of one processor, two of them for templates. FUZZ=1000 is quicker.
fuzz: $(READY)
	PROVISION_FUZZ=$(FUZZ) $(BIN)/pytest tests/fuzz

# What is known to be wrong with the libraries that are used: asks the advisory database of PyPI. Asked
# first of what it must know of (the sandbox escape of Jinja2 2.10): from where it cannot be reached,
# or only a mirror without advisories can, nothing is known, which is no success.
audit: $(READY)
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet pip-audit
	@echo jinja2==2.10 > $(AUDIT)/known.txt
	@$(AUDIT)/bin/pip-audit -r $(AUDIT)/known.txt --no-deps --disable-pip -f json --progress-spinner off 2>/dev/null \
	  | grep -q -e CVE-2019-10906 -e PYSEC-2019-217 -e GHSA-462w-v97r-4m45 \
	  || { echo "audit: PyPI's advisories cannot be had from here, so nothing is known of the libraries" >&2; exit 1; }
	$(AUDIT)/bin/pip-audit --strict --skip-editable --progress-spinner off \
	  --path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

# Small changes to the code that decides, each of which a test should notice: a sample of 300, about ten
# minutes of one processor. The score is in docs/testing.md.
mutation: $(READY)
	$(BIN)/python benchmarks/mutation.py

# What is promised, and every stage by size: ten minutes. Figures and plots go into docs/benchmarks.md.
bench: $(READY)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/access.py
	$(BIN)/python benchmarks/merge.py
	$(BIN)/python benchmarks/stages.py
	$(BIN)/python benchmarks/publish.py

# The same documents planned by the peers, each in an environment of its own: about 400 MB, and half an hour.
bench-peers: $(READY)
	$(BIN)/python benchmarks/side_by_side.py $(PEERS)
	$(BIN)/python benchmarks/publish.py

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(CLIENTS) $(PEERS) $(AUDIT) $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
