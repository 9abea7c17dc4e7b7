# The whole developer interface. Every target installs what it needs; second runs are quick.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
BUILD := build
CLANG ?= clang-14
BPF_FLAGS := -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 -I/usr/include/$(shell uname -m)-linux-gnu
BPF_SOURCES := $(wildcard bpf/*.h) bpf/flow.bpf.c
PYTEST := $(PYTHON) -m pytest
WORKERS ?= 2

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# --- setting up -----------------------------------------------------------------------------

setup: $(BUILD)/apt.stamp $(VENV)/stamp bpf native console $(BUILD)/host.stamp ## packages, .venv, BPF objects, console

$(BUILD):
	@mkdir -p $@

# apt-get only where a package is really missing: it needs root and a network.
$(BUILD)/apt.stamp: packaging/apt-packages.txt packaging/install-packages.sh | $(BUILD)
	packaging/install-packages.sh packaging/apt-packages.txt
	@touch $@

$(VENV)/stamp: pyproject.toml requirements.lock $(BUILD)/apt.stamp
	test -x $(PYTHON) || /usr/bin/python3 -m venv --system-site-packages $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# What the kernel side needs of this machine, where root may give it: bpffs, headers for bcc.
$(BUILD)/host.stamp: packaging/prepare-host.sh $(BUILD)/apt.stamp | $(BUILD)
	packaging/prepare-host.sh
	@touch $@

bpf: $(BUILD)/bpf/flow.bpf.o ## the kernel programs

$(BUILD)/bpf/flow.bpf.o: $(BPF_SOURCES) $(BUILD)/apt.stamp
	@mkdir -p $(@D)
	$(CLANG) $(BPF_FLAGS) -c bpf/flow.bpf.c -o $@

native: $(BUILD)/libweirflows.so ## the flow engine for captures

NATIVE_SOURCES := $(wildcard lab/extract/native/*.[ch])
$(BUILD)/libweirflows.so: $(NATIVE_SOURCES) $(wildcard bpf/*.h) lab/extract/build.py $(VENV)/stamp
	$(PYTHON) -m lab.extract.build

console: $(BUILD)/console.stamp ## the web console

CONSOLE_SOURCES := $(shell find collector/console -path '*/node_modules' -prune -o -path '*/dist' -prune -o -type f -print 2>/dev/null)
$(BUILD)/console.stamp: $(CONSOLE_SOURCES) $(VENV)/stamp | $(BUILD)
	collector/console/npm.sh ci
	collector/console/npm.sh run build
	@touch $@

# --- the main job ---------------------------------------------------------------------------

# Namespaces and kernel programs need root; for anybody else the traffic is made up.
SIMULATED := $(if $(IFACE),,$(filter-out 0,$(shell id -u)))
LAB_RUN := $(if $(SIMULATED),simulate --run,demo run $(if $(IFACE),--interface $(IFACE)))

run: setup ## a router in namespaces with real traffic, agent, collector, console on :8080; IFACE=eth0 watches yours; without root simulated
	@packaging/prepare-host.sh
	$(if $(SIMULATED),@echo "not root: simulated traffic; as root it is real")
	$(VENV)/bin/weir-lab $(LAB_RUN) $(if $(SECONDS_TO_RUN),--seconds $(SECONDS_TO_RUN))

# --- checking -------------------------------------------------------------------------------

check: setup ## ruff, mypy, import-linter, documents, clang-format, shellcheck, console types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict
	$(VENV)/bin/clang-format --dry-run -Werror bpf/*.[ch]
	shellcheck packaging/*.sh collector/console/*.sh .ci/run tests/packaging/*.sh tests/vm/*.sh
	shellcheck --shell=sh packaging/debian/*.postinst packaging/debian/*.prerm packaging/debian/*.postrm
	systemd-analyze security --offline=yes --threshold=25 systemd/weir-agent.service >/dev/null
	systemd-analyze security --offline=yes --threshold=25 systemd/weir-collector.service >/dev/null
	collector/console/npm.sh run check

test: setup ## every test that needs no VM
	@packaging/prepare-host.sh
	collector/console/npm.sh test
	$(PYTEST) --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder tests

test-long: setup ## the same campaigns at full length
	@packaging/prepare-host.sh
	WEIR_CAMPAIGN=long WEIR_FUZZ_SECONDS=900 WEIR_REQUIRE_ROOT=1 $(PYTEST) -p tests.support.campaign_report -m campaign --timeout=3600 tests

bench: setup ## run benchmarks, one JSON object a line, write docs/benchmarks.md
	@packaging/prepare-host.sh
	$(PYTHON) -m benchmarks

# --- packages -------------------------------------------------------------------------------

RELEASES := 12 13
DEB_SOURCES := $(shell find packaging systemd wire agent collector bpf -type f -not -path '*/node_modules/*' \
	-not -path '*/__pycache__/*' -not -path '*/console/dist/*') requirements.lock pyproject.toml config.toml.example

# The longest first, so that no worker is left with one at the end.
VM_TESTS := $(foreach test,run shaping,$(RELEASES:%='tests/vm/$(test).sh %')) tests/packaging/container.sh $(RELEASES:%='tests/packaging/chroot.sh %')

deb: $(RELEASES:%=$(BUILD)/deb/%.stamp) ## dist/weir-agent_*.deb and dist/weir-collector_*.deb for Debian 12 and 13

$(BUILD)/deb/%.stamp: $(DEB_SOURCES) | setup
	packaging/install-packages.sh packaging/apt-packages-deb.txt
	packaging/build-deb.sh $*
	lintian --allow-root --fail-on error,warning dist/weir-*+deb$*_*.deb
	@touch $@

test-vm: deb ## the packages on stock Debian 12 and 13: as routers under qemu, in containers, in a chroot
	printf '%s\n' $(VM_TESTS) | xargs -L 1 -P $(WORKERS) env

clean: ## remove what was built
	rm -rf $(BUILD) collector/console/dist

.PHONY: help setup bpf native console run check test test-long bench deb test-vm clean
