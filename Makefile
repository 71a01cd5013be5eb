# Each target works in a fresh clone as the first thing typed: make itself sees what is not installed or not compiled.
SHELL := /bin/sh
.DEFAULT_GOAL := build
.PHONY: build dataset test check bench clean status

SOURCES := $(shell find src targets -name '*.ts' 2>/dev/null)

node_modules/.package-lock.json: package.json package-lock.json .npmrc vendor/absent-native/package.json
	npm ci --no-audit --no-fund
	@touch $@

dist/.tsbuildinfo: node_modules/.package-lock.json tsconfig.json scripts/bundle.ts $(SOURCES)
	node_modules/.bin/tsc -p tsconfig.json
	node --import jiti/register scripts/bundle.ts
	@touch $@

build: dist/.tsbuildinfo

# Asks OpenAI when OPENAI_API_KEY is set, the local simulator (loudly) when it is not; waits until the dataset is there.
# Where CI is set, the simulator has to be asked for: make dataset ARGS="--provider simulator".
dataset: build
	@node bin/dsgen.js build --wait $(ARGS)

status: build
	@node bin/dsgen.js status

test: build
	@node_modules/.bin/vitest run

check: build
	npm run --silent check

bench: build
	npm run --silent bench

# Made files and compiled code go; what was paid for stays. `dsgen clean --help` says how to remove more.
clean:
	@if [ -f dist/src/cli/main.js ]; then node bin/dsgen.js clean; fi
	rm -rf dist
