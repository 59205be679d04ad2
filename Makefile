# The short names of what people do in a checkout. The work is in scripts/.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup samples demo test lint clean-samples

python := .venv/bin/python

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

demo: setup samples ## set up, make the samples, certify them, show the matrix
	@scripts/demo

test: ## set up, make the samples, lint, run all tests (ARGS="-k name -x")
	@scripts/setup test
	@scripts/samples
	@scripts/lint
	@$(python) -m pytest $(ARGS)

setup: ## install and start what this machine lacks
	@scripts/setup

samples: setup ## make the sample candidates, certify-sample/*
	@scripts/samples

lint: setup ## check style and types
	@scripts/lint

clean-samples: ## remove the sample candidates
	@scripts/samples --clean
