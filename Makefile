# The short names of what people do in a checkout. The work is in scripts/.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup samples demo test test-quick test-cgroup2 lint test-slow worlds engines sabotage harmless bench repeat escapes faults hostile soak screenshot docs-site release clean-samples

python := .venv/bin/python
# Compiled modules are kept: hundreds of processes import the same ones.
unexport PYTHONDONTWRITEBYTECODE

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

demo: setup samples ## set up, make the samples, certify them, show the matrix
	@scripts/demo

test: ## set up, make the samples, lint, run all tests (ARGS="-k name -x")
	@scripts/setup test
	@scripts/samples --fresh
	@scripts/lint
	@scripts/test $(ARGS)

test-quick: setup ## tests that need neither an engine nor a browser (ARGS="-k name -x")
	@TMPDIR=$$(scripts/scratch) $(python) -m pytest -q -n $$((2 * $$(nproc))) --dist loadfile --no-loadscope-reorder \
	    -m "not engine and not browser and not alone and not sabotage and not repeat and not slow and not worlds and not escapes" $(ARGS)

test-cgroup2: ## certify the samples on a virtual machine with cgroup v2, over TCP (slow)
	@scripts/setup cgroup2
	@scripts/samples
	@scripts/cgroup2

test-slow: setup samples ## tests that wait for minutes: timeouts, other releases (ARGS="-k name")
	-@scripts/referrers-registry
	-@scripts/cosign
	@$(python) -m pytest -m slow $(ARGS)
	@$(python) -m pytest -q -n 2 -m "hypothesis and not engine" --hypothesis-profile=thorough $(ARGS)

setup: ## install and start what this machine lacks
	@scripts/setup

samples: setup ## make the sample candidates, certify-sample/*
	@scripts/samples

lint: setup ## check style and types
	@scripts/lint

worlds: setup samples ## images of other package managers, each with a fault of its sources
	@scripts/worlds
	@$(python) -m pytest -q -m worlds tests/stories/worlds $(ARGS)

escapes: setup samples ## ways out of a candidate, tried at every level; writes docs/security.md
	@$(python) -m tests.stories.escapes.table $(ARGS)

faults: setup samples ## faults of the host, each while certify works; writes docs/reliability.md
	@$(python) -m tests.stories.faults.table $(ARGS)

hostile: setup samples ## images that mean harm; writes docs/security.md (ARGS="name ...")
	@$(python) -m tests.stories.hostile.table $(ARGS)

soak: setup samples ## one image a hundred times in a row and at once: nothing may grow
	@$(python) -m tests.stories.soak $(ARGS)

engines: setup samples ## certify the samples on other versions and settings of Docker (ARGS="NAME ...")
	@scripts/engines $(ARGS)

sabotage: setup samples ## sabotaged images: in each exactly one check fails (ARGS="--both name ...")
	@$(python) -m tests.stories.sabotage.table $(ARGS)

harmless: setup samples ## unusual images that are right: nothing is held against them (ARGS="name ...")
	@$(python) -m tests.stories.harmless.table $(ARGS)

bench: setup samples ## measure, and write docs/performance.md (ARGS="native help")
	@$(python) -m benchmarks $(ARGS)

repeat: setup samples ## one good and one bad sample 20 times: the same verdict each time
	@$(python) -m pytest -m repeat $(ARGS)

screenshot: ## the documentation's pictures of matrix and terminal, from a real sweep of the samples
	@scripts/setup test
	@scripts/samples
	@scripts/screenshot

docs-site: setup ## the documentation as a site, in build/docs-site
	@$(python) -m mkdocs build --strict --quiet

release: setup ## sdist, wheel, image, checksums, in dist/VERSION (ARGS="--key release.key")
	@$(python) -m scripts.release $(ARGS)

clean-samples: ## remove the sample candidates, sabotaged ones too
	@scripts/samples --clean
