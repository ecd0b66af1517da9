# What can be done here. `make run` needs nothing but Go.

LINT = go tool -modfile=tools.mod golangci-lint

.PHONY: run
run: ## start Tollgate on 127.0.0.1:8080, on a store in memory
	go run ./cmd/tollgate serve

.PHONY: test
test: ## run the tests, and say what they skipped for want of something
	go test ./...
	@command -v redis-server >/dev/null || echo '!!! SKIPPED: redis-server is not installed, so nothing was tested on a real Redis'
	@command -v curl >/dev/null || echo '!!! SKIPPED: curl is not installed, so the commands of README and tour were not run'
	@for p in nginx caddy haproxy; do command -v $$p >/dev/null || echo "!!! SKIPPED: $$p is not installed, so deploy/ was not run with it"; done
	@test -f ../shared/data/organisations.json || echo '!!! SKIPPED: ../shared/data is absent, so nothing was tested on real organisations and roles'

.PHONY: race
race: ## run the tests under the race detector
	go test -race -short ./...

.PHONY: random
OPERATIONS ?= 100000
random: ## make random operations, interrupted at every call to Redis, and say what was done
	TOLLGATE_TEST_OPERATIONS=$(OPERATIONS) go test ./store -run 'TestRandomOperations$$' -count=1 -timeout 60m -v

.PHONY: soak
SOAK ?= 10m
soak: ## have servers, their networks and Redis's masters fail for SOAK, and check every answer meanwhile
	TOLLGATE_TEST_SOAK=$(SOAK) go test ./cmd/tollgate -run 'TestChaos' -parallel 4 -count=1 -timeout 120m -v

.PHONY: fuzz
FUZZTIME ?= 30s
fuzz: ## run each fuzzer for FUZZTIME
	@set -e; for package in $$(go list ./...); do \
		for fuzzer in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			go test $$package -run '^$$' -fuzz "^$$fuzzer\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x; \
		done; \
	done

.PHONY: lint
lint: ## run the linters, and check that what is generated is up to date
	$(LINT) run ./...
	cd bench && go vet ./...
	git ls-files '*.go' | xargs gofmt -l | (! grep .)

.PHONY: generate
generate: ## generate the API's types from api/openapi.yaml
	go generate ./...

.PHONY: build
build: ## build bin/tollgate
	go build -trimpath -o bin/tollgate ./cmd/tollgate

.PHONY: bench
bench: ## measure checks beside a check by hand, a stock Casbin, a bare Gin, an echo over gRPC, an nginx that asks it, and a bare Redis
	cd bench && go run .

.PHONY: bench-replicas
bench-replicas: ## measure servers that share a Redis: revocation, freshness, commands a write, writes elsewhere
	cd bench && go run . replicas

.PHONY: help
help: ## say what can be done
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
