# Everything a contributor runs. Only `compat`, `compat-ha`, `compat-sdk`, `bench-apache` and `torture-apache` need Java and Maven.
GO ?= go
BIN := bin/actormq
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0
# A number of inputs: with a duration, go test takes its own deadline for a failure now and then (golang/go#75804).
FUZZTIME ?= 50000x
DATA ?= ./data

.PHONY: run build test race lint fuzz sim mutations mutations-features torture compat compat-ha compat-sdk bench bench-guard soak bench-sdk bench-apache clean help

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: build ## Start a name server and a broker on 127.0.0.1, data in ./data.
	@$(BIN) standalone --data $(DATA)

build: ## Build bin/actormq.
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $(BIN) ./cmd/actormq

test: ## The everyday tests; they need nothing but Go.
	$(GO) test ./...

race: ## The everyday tests under the race detector.
	$(GO) test -race ./...

lint: ## Formatting, vet, staticcheck and the house's own rules.
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test ./testkit/house

fuzz: ## Every fuzz target with FUZZTIME (50000x, or 10m) inputs each.
	@FUZZTIME=$(FUZZTIME) GO=$(GO) testkit/house/fuzz.sh

sim: ## Simulated clusters under fresh seeds for BUDGET (60s), from FIRST on; SEED=n or PLAN=file runs one again, with its trace.
	@$(GO) run ./testkit/swarm/explore -budget $(or $(BUDGET),60s) $(if $(FIRST),-first $(FIRST)) $(if $(SEED),-seed $(SEED)) $(if $(PLAN),-plan $(PLAN))

mutations: ## Plant bugs in the broker, one at a time: the simulation must find each; SKIP=regexp leaves some out.
	$(GO) test -count=1 -timeout 30m -v -run 'TestMutations$$' ./testkit/swarm/mutation -mutations $(if $(SKIP),-without '$(SKIP)')

mutations-features: ## The same for replication, transactions and other features, which their own tests must find.
	$(GO) test -count=1 -timeout 30m -v -run 'TestMutationsOf' ./testkit/swarm/mutation -mutations

torture: build ## kill -9 under load, ROUNDS times (200).
	ACTORMQ_BINARY=$(abspath $(BIN)) TORTURE_ROUNDS=$(or $(ROUNDS),200) $(GO) test -count=1 -timeout 60m -v -run 'TestTorture' ./testkit/torture

compat: build ## Real clients, mqadmin and real Apache processes against ours (needs JDK 17 and Maven).
	testkit/compat/run.sh actormq

compat-ha: build ## Only the part of compat in which masters and slaves of both kinds follow each other.
	testkit/compat/run.sh actormq '^ha/'

compat-sdk: build ## The SDK's own tests against our broker and against Apache's; RUN=regexp for some of them.
	testkit/compat/run.sh sdk both '$(RUN)'

bench: ## The Go benchmarks.
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-guard: ## Fail if a hot path has become slower, by ratio to plain work in the same run.
	$(GO) test -count=1 -v -run TestBounds ./testkit/bench/guard -guard

soak: build ## A broker under mixed load for DURATION (30m): it fails if memory, goroutines, descriptors or files grow.
	$(GO) run ./testkit/bench/soak -binary $(BIN) -duration $(or $(DURATION),30m)

bench-sdk: ## Our SDK and rocketmq-client-go in alternation; writes its section of docs/performance.md.
	testkit/compat/bench-sdk.sh

bench-apache: ## Our broker and Apache's in alternation; writes docs/performance.md. FLAGS="-list" and others: testkit/bench/run.sh.
	testkit/bench/run.sh $(FLAGS)

clean: ## Remove what was built.
	rm -rf bin
