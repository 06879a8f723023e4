# make run: the app. make test: every test. Both do their own set-up; only Python 3.11+ is needed.
# PYTHON=… chooses the interpreter; PIP_… variables of pip are honoured.

PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python,$(shell \
	$(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .venv-release

# The tests start hundreds of processes: each would compile again what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test suite coverage lint docs bench audit texts licenses release chromium postgres clean

run: $(VENV)/.installed
	$(BIN)/streamlit run app.py

PYTEST := -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

# With --jobs 2 the linters, which keep one core busy, run beside the tests, which often wait.
test: lint suite

# What is written in SQL most is tried on PostgreSQL too; --database postgres does so with any test.
ON_POSTGRES := tests/test_counts.py tests/test_labeling.py

# A browser, an app and a trainer share two busy cores, so a browser test can lose a race that no
# person would: what failed there is tried once more, with new apps. Whoever sees that mends it.
suite: postgres
	$(BIN)/python $(PYTEST) --ignore tests/browser
	$(BIN)/python -m pytest --numprocesses 0 --database postgres $(ON_POSTGRES)
	$(BIN)/python $(PYTEST) --numprocesses 3 tests/browser || $(BIN)/python -m pytest -v \
		tests/browser --last-failed --last-failed-no-failures none

# Which lines the tests run, in all processes that they start; the least covered files come first.
coverage: $(VENV)/.installed-dev chromium
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --sort=cover

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/oxlint --deny-warnings alcore/web/browser tests/javascript
	$(BIN)/mypy

# Into site/; nothing is fetched, neither while it is built nor while it is read. Its pages open from
# the folder; the search needs a server, such as python3 -m http.server --directory site.
docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# Known vulnerabilities of what alcore needs, besides those that release/accepted.toml gives a reason
# for. It asks PyPI.
audit: $(VENV)/.installed $(TOOLS)/.installed
	$(BIN)/python release/supply.py audit $(TOOLS)/bin/pip-audit

# After a text of a page has changed: the languages' files get it, to be written in each.
texts: $(VENV)/.installed
	$(BIN)/python release/texts.py

licenses: $(VENV)/.installed
	$(BIN)/python release/supply.py licenses > docs/licenses.md

# Into dist/: wheel and sources, a bill of materials (CycloneDX) and a lock with hashes, both for the
# system and the Python that it is made with.
release: $(VENV)/.installed-dev $(TOOLS)/.installed
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	$(BIN)/python -m hatchling build --target sdist --directory dist
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file dist/sbom.cdx.json $(BIN)/python
	$(BIN)/python release/supply.py bill dist/sbom.cdx.json
	$(TOOLS)/bin/python -m pip lock --quiet --requirement requirements.txt --output dist/pylock.toml

bench: $(VENV)/.installed-dev chromium
	$(BIN)/python benchmarks/loop.py

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found; name it with PYTHON=…"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps make an unchanged requirements file cost nothing.
$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(TOOLS)/.installed: release/requirements.txt | $(BIN)/python
	$(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --disable-pip-version-check --upgrade pip
	$(TOOLS)/bin/python -m pip install --disable-pip-version-check -r release/requirements.txt
	@touch $@

# A browser for the tests: the one that is there, Debian's package, or Playwright's own. Without a
# window it costs half as much.
chromium: $(VENV)/.installed-dev
	@for b in chromium-headless-shell chromium chromium-browser google-chrome; do \
		command -v $$b >/dev/null && exit 0; done; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -q; export DEBIAN_FRONTEND=noninteractive; \
		apt-get install -qy chromium-headless-shell || apt-get install -qy chromium; \
	else $(BIN)/playwright install --only-shell chromium; fi

# A PostgreSQL to start for the tests; without one they are skipped, and say so. After the browser:
# apt installs one thing at a time.
postgres: | chromium
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null && exit 0; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		export DEBIAN_FRONTEND=noninteractive; \
		timeout 300 sh -c 'apt-get update -q && apt-get install -qy postgresql' \
			|| echo "PostgreSQL could not be installed: its tests are skipped, and say so"; fi

clean:
	rm -rf $(VENV) $(TOOLS) dist site .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
