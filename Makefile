# The habits of this project. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := runs/digits

.DEFAULT_GOAL := help
.PHONY: help install demo test check docs browser campaign peers bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 18

install: $(READY) ## make .venv and install spiq with the tested versions

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("spiq needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=") if sys.version_info < (3, 11) else None'
	@echo "installing spiq and its tested versions into $(VENV): 2.8 GB on disk, a few minutes with the downloads"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[dev]'
	@touch $@
	@echo "installed; $(BIN)/spiq --help lists the commands"

# The dash: where Lava cannot be set up, the reason is printed, its rung and its tests are skipped, and the rest runs.
demo: $(READY) ## train on the digits, export, climb the ladder, report
	-$(BIN)/spiq lava setup
	$(BIN)/spiq run examples/digits.toml --out $(DEMO) --force

test: $(READY) ## run the whole test suite
	-$(BIN)/spiq lava setup --netx
	-@$(MAKE) --no-print-directory browser
	$(BIN)/python -m pytest -n 2

check: $(READY) docs ## ruff, pyright, the site, and the wheel installed elsewhere
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest -n 0 -q tests/end_to_end/test_wheel.py

# Its theme and one of its plugins advertise other programs otherwise.
docs: $(READY) ## the documentation's site in site/, a warning being an error
	NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

browser: ## install Debian's chromium, in which the tests look at every page; or set SPIQ_BROWSER
	@if [ -n "$$SPIQ_BROWSER" ] || command -v chromium chromium-browser google-chrome >/dev/null; then \
		echo "a browser is there"; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q; apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core; \
	else \
		echo "no browser, and not root: set SPIQ_BROWSER to one, or the tests of the pages are skipped"; exit 1; \
	fi

campaign: $(READY) ## thousands of damaged files and random networks; docs/security.md and how-it-works.md have the figures
	-$(BIN)/spiq lava setup
	$(BIN)/python tests/campaigns/snntorch_networks.py --tries 500 --lava
	$(BIN)/python tests/campaigns/scaled_networks.py --tries 1000
	$(BIN)/python tests/campaigns/hybrid_networks.py --tries 200
	$(BIN)/python tests/campaigns/damaged_hdf5.py --tries 5000
	$(BIN)/python tests/campaigns/damaged_bundles.py --tries 2000

peers: $(READY) ## spiq's NIR files in norse, sinabs and SpikingJelly, and NeuroBench's figures, in environments below .peers
	$(BIN)/python tests/peers/check.py --folder .peers
	$(BIN)/python tests/peers/check_neurobench.py --folder .peers

bench: $(READY) ## time spiq against PennyLane, Lava and PyTorch, side by side; writes bench.json
	-$(BIN)/spiq lava setup
	$(BIN)/spiq bench

clean: ## remove what the other targets made
	rm -rf $(VENV) .peers site build dist *.egg-info src/*.egg-info $(DEMO) bench.json bench.md .pytest_cache .ruff_cache .hypothesis
	find pipeline export hardware tests -name __pycache__ -type d -prune -exec rm -rf {} +
