# Two commands do everything: `make run` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The locks that fill the environments; `make lock` renews them.
LOCK ?= requirements/test.txt
# Test processes at once, and what else pytest is told, e.g. ARGS="-m sites".
WORKERS ?= logical
ARGS ?=

.PHONY: run test quick coverage test-newest test-lowest peers lint check fresh lock wheel man deb deb-check mutants bench demo qemu qemu-core root docs format clean

run: $(VENV)/.run
	$(BIN)/drydock lab

# The same on virtual machines with real firmware, disks and networks.
demo: $(VENV)/.run
	sudo $(BIN)/drydock lab --machines qemu --once

test: peers
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

# Real firmware, disks and networks: two machines from power off to deployed and wiped, as root.
qemu: root $(VENV)/.dev
	$(BIN)/python -m tests.peers install netboot
	$(BIN)/python -m pytest tests/room/qemu tests/daemon/test_qemu.py \
		tests/daemon/test_qemu_faults.py tests/daemon/test_qemu_redfish.py $(ARGS)

# Of these only the way of the two machines: BIOS and UEFI, at once.
qemu-core: root $(VENV)/.dev
	$(BIN)/python -m tests.peers install netboot
	$(BIN)/python -m pytest tests/daemon/test_qemu.py $(ARGS)

# Agent and image, built once for each list of packages.
qemu qemu-core: export DRYDOCKD_LAB_IMAGES ?= $(CURDIR)/.cache/images
qemu qemu-core: export DRYDOCKD_QEMU := 1

root:
	@test "$$(id -u)" = 0 || { echo "bridges, taps and DHCP need root: \
	sudo make $(MAKECMDGOALS)" >&2; exit 2; }

# No real parts, no processes, no real sites, nothing slow: for every save.
QUICK := not peer and not process and not sites and not slow
quick: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "$(QUICK)" $(ARGS)

# All tests, subprocesses measured too; the floor is in pyproject.toml.
coverage: peers
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --skip-covered --sort=miss

# Both ends of what setup.py allows.
test-newest:
	$(MAKE) test VENV=.venvs/newest LOCK=

test-lowest:
	$(MAKE) test VENV=.venvs/lowest LOCK=requirements/lowest.txt

# The real parts that tests talk to (tests/peers/); what cannot be installed is left out and told.
peers: $(VENV)/.dev
	$(BIN)/python -m tests.peers install

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

# Both commands of the README in a bare Debian, as a stranger would type them.
fresh:
	.ci/fresh

lock: $(VENV)/bin/pip
	$(BIN)/python -m pip install -q --disable-pip-version-check uv
	.ci/lock $(abspath $(BIN))/uv

# Built, checked, installed into an empty environment and run from there; left in build/dist.
wheel: $(VENV)/.dev
	PYTHON=$(BIN)/python .ci/wheel

# The manual pages of all commands, from their help; left in build/man. The package makes its own.
man: $(VENV)/.dev
	$(BIN)/python -m drydockd.cli.man build/man

# The Debian package, for the Debian this is typed on; left in build/deb.
deb: $(VENV)/.dev
	PYTHON=$(BIN)/python .ci/deb

# As root: the package comes, runs, is replaced and goes, in a systemd of its own; so does the role.
deb-check: $(VENV)/.dev
	$(BIN)/python -m tests.peers install packaging lintian guest
	DRYDOCKD_PACKAGES=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests/packaging $(ARGS)

# Lines that can be broken without a test of their folder failing, e.g. ONLY=store/codec.py SAMPLE=0
# for all of a file. Stopped and started again it goes on where it was.
ONLY ?=
SAMPLE ?= 60
MUTANTS := .venvs/mutants
mutants:
	$(MAKE) peers VENV=$(MUTANTS) LOCK=requirements/mutants.txt
	$(MUTANTS)/bin/python -m tests.mutants --only "$(ONLY)" --sample $(SAMPLE)

# The manual as a site, in build/site: nothing in it asks another host, pages may be opened as files.
docs: $(VENV)/.dev
	$(BIN)/python -m tests.peers install docs
	$(BIN)/python -m tests.docs.site build/site

bench: $(VENV)/.dev
	$(BIN)/python -m bench

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .venvs .peers .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

# What Debian has in a package of its own: python3-venv, python3.12-venv ... (pyenv's brings it along).
VENV_PACKAGE = $(notdir $(PYTHON))-venv
# Nothing but a venv, whole or not.
DROP = test ! -e $(VENV)/pyvenv.cfg || rm -rf $(VENV)
# By its pip: a python without one is what is left of a venv that could not be made.
$(BIN)/pip:
	@$(DROP)
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing; run: \
	sudo apt-get install $(notdir $(PYTHON)) $(VENV_PACKAGE)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is \
	needed, and $(PYTHON) is older: make ... PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module; run: \
	sudo apt-get install $(VENV_PACKAGE)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { $(DROP); exit 1; }

PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
# The checkout itself, built with what the lock brought: nothing is fetched unlocked.
HERE := --no-deps --no-build-isolation -e .

# --no-compile: only what is imported gets compiled, when it is.
$(VENV)/.run: setup.py requirements/run.txt | $(BIN)/pip
	$(PIP) --no-compile --require-hashes -r requirements/run.txt
	$(PIP) $(HERE)
	touch $@

$(VENV)/.dev: setup.py $(LOCK) | $(BIN)/pip
ifeq ($(LOCK),)
	$(PIP) --upgrade --upgrade-strategy eager -r requirements/build.in -e '.[dev]'
else
	$(PIP) --require-hashes -r $(LOCK)
	$(PIP) $(HERE)
endif
	touch $@ $(VENV)/.run
