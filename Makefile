# `make` alone prints what there is. Only lint, sdk, generate and vuln need more
# than Go and a shell; each says what.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

BIN := bin/turnpike
FUZZTIME ?= 30s
# The race detector needs a C compiler; a machine with Go alone tests without it.
RACE ?= $(shell command -v $$(go env CC) >/dev/null && echo -race)

GOLANGCI := go tool -modfile=tools/golangci/go.mod golangci-lint
GOVULNCHECK := go tool -modfile=tools/govulncheck/go.mod govulncheck

.PHONY: help run build test stores lint fmt contract sdk agents fuzz-short bench bench-failover generate check-generate vuln cross clean ci $(BIN)

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Serve on 127.0.0.1:8787 with state in ./turnpike.db
	go run ./cmd/turnpike

build: $(BIN) ## Build bin/turnpike, static
$(BIN):
	CGO_ENABLED=0 go build -trimpath -o $(BIN) ./cmd/turnpike

test: stores ## Vet, and every test in random order; needs Go, and installs a Redis where it may
	go vet ./...
	$(if $(RACE),,@echo "no C compiler: testing without the race detector")
	go test $(RACE) -shuffle=on -timeout=20m ./...

# A server that nodes share is tested against a real one.
stores:
	@if command -v valkey-server redis-server >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing redis-server"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null \
	    || echo "redis-server cannot be installed: tests that need it are skipped"; \
	else \
	  echo "no valkey-server and no redis-server: tests that need one are skipped (apt-get install redis-server)"; \
	fi

lint: ## golangci-lint and formatting; builds the pinned linter the first time
	$(GOLANGCI) run
	$(GOLANGCI) fmt --diff

fmt: ## Format as lint wants it
	$(GOLANGCI) fmt

contract: $(BIN) ## Every route against OpenRouter's OpenAPI document in ../shared
	TURNPIKE_BIN=$(CURDIR)/$(BIN) go test -count=1 -v ./e2e/contract

sdk: $(BIN) ## Vendors' own SDKs against bin/turnpike; needs Node, npm, Python
	TURNPIKE_BIN=$(CURDIR)/$(BIN) e2e/clients/run.sh

agents: $(BIN) ## Real coding agents against bin/turnpike and sim/agent; needs Node, npm, 1.1 GB
	TURNPIKE_BIN=$(CURDIR)/$(BIN) e2e/agents/run.sh $(AGENTS)

fuzz-short: ## Every fuzz target for FUZZTIME (30s)
	.ci/fuzz $(FUZZTIME)

bench: ## The gateway beside a bare httputil.ReverseProxy, in one run
	go run ./e2e/bench

bench-failover: ## Endpoints that are dead: who is answered, how soon, and at what cost
	go run ./e2e/bench -failover

generate: ## Make the generated code, and the catalogue from ../shared/data, anew
	CGO_ENABLED=0 go generate ./internal/sqlstore
	go run ./cmd/cataloggen

check-generate: ## Fail if generate would change anything
	cd internal/sqlstore && CGO_ENABLED=0 go tool -modfile=../../tools/go.mod sqlc diff
	@if [ -d ../shared/data ]; then \
	  echo "go run ./cmd/cataloggen -check"; go run ./cmd/cataloggen -check; \
	elif [ "$${CI:-}" = true ]; then \
	  echo "check-generate: no ../shared/data" >&2; exit 1; \
	else \
	  echo "check-generate: catalogue not checked: no ../shared/data"; \
	fi

vuln: ## govulncheck, where its database answers; else prints "not run"
	@out=$$(mktemp); trap 'rm -f "$$out"' EXIT; status=0; \
	$(GOVULNCHECK) ./... >"$$out" 2>&1 || status=$$?; \
	cat "$$out"; \
	if [ $$status -eq 1 ] && grep -q 'fetching vulnerabilities' "$$out"; then \
	  echo "vuln: not run: the vulnerability database does not answer"; \
	else \
	  exit $$status; \
	fi

cross: ## Build for what this machine is not
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 go build -o /dev/null ./cmd/turnpike
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go build -o /dev/null ./cmd/turnpike

clean: ## Remove what the targets above made
	rm -rf bin e2e/agents/node_modules e2e/clients/node/node_modules e2e/clients/python/.venv

ci: ## All of it, as CI does
	bash .ci/run
