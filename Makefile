# Every gate of CI is a target here; `make check` is all of them.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 30s

# The race detector needs a C compiler.
ifneq ($(shell command -v $(firstword $(shell go env CC)) 2>/dev/null),)
RACE := -race
endif

.PHONY: check fmt vet staticcheck layering tidy test fleet fleet-node fleet-kill fleet-stop fleet-move fleet-identify fleet-workers fleet-nats fleet-partition fleet-report fleet-soak sim sim-report interop fuzz bench bench-check bench-report mutants

check: fmt vet staticcheck layering tidy test

fmt:
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not gofmt-ed:"; echo "$$bad"; exit 1; fi

vet:
	go vet ./...
	GOOS=windows GOARCH=amd64 go vet ./...
	GOOS=darwin GOARCH=arm64 go vet ./...
	GOOS=linux GOARCH=386 go vet ./...

staticcheck:
	go run $(STATICCHECK) ./...

layering:
	go test -count=1 -run '^(TestLayers|TestDocs)' .

tidy:
	go mod tidy -diff

# At its end stand the figures and the seeds of the tests that kill nodes, workers and NATS servers.
test:
	@$(if $(RACE),,echo "no C compiler found: the tests run without the race detector")
	@figures=$$(mktemp); echo 'go test $(RACE) -shuffle=on -timeout 20m ./...'; \
		FIGURES=$$figures go test $(RACE) -shuffle=on -timeout 20m ./...; code=$$?; cat $$figures; rm -f $$figures; exit $$code

# Bot libraries against the simulator; needs Node 20 or later for two of them.
interop:
	timeout 180 npm ci --prefix interop/node --no-audit --no-fund
	cd interop && go vet ./... && go test -v -count=1 -timeout 10m ./...

# The client against everything that can go wrong: seeds that found something once, then fresh ones for SIM.
SIM ?= 2m
sim:
	go test $(RACE) -count=1 -timeout 20m -run 'TestSeeds' ./simulation -v -budget $(SIM)

# The worker in Node; needs Node 20 or later.
fleet-node:
	timeout 180 npm ci --prefix examples/fleet-node --no-audit --no-fund
	go test $(RACE) -count=1 -timeout 5m -v -run '^TestWorkerInNode' ./fleet

# Nodes and NATS servers that are killed, and what the stream has then: a slice, which prints its seeds. KILLS=100 is a full run.
KILLS ?= 6
fleet:
	go test $(RACE) -count=1 -timeout 20m -v -run '^(TestKilled|TestNodeCutFrom|TestShardsMove|TestNodesShare|TestProcessesThatRace|TestNodesSpend|TestStoppedNode|TestFullDisk|TestWorkerReads|TestWorkerHasNo|TestWorkerInAn|TestWorkerWith|TestEffects|TestEventThatKills|TestLanesKeep)' ./fleet -kills $(KILLS)

# What simulation/REPORT.md says, anew.
sim-report:
	go test -count=1 -timeout 2h -run 'TestSeeds$$' ./simulation -budget 12m -report REPORT.md

# The fleet's figures in full; each writes its section of fleet/REPORT.md. ARGS may hold -seed N.
fleet-kill:
	go test -count=1 -timeout 30m -run '^(TestKilledNode|TestNodeKilledFromItsStart)' ./fleet -v -kills 100 -early-kills 100 -rate 2000 -report REPORT.md $(ARGS)

fleet-stop:
	go test -count=1 -timeout 30m -run '^TestFrozenOwner' ./fleet -v -freezes 30 -rate 2000 -report REPORT.md $(ARGS)

fleet-move:
	go test -count=1 -timeout 30m -run '^TestShardsMove' ./fleet -v -moved-shards 48 -rate 2000 -report REPORT.md $(ARGS)

fleet-identify:
	go test -count=1 -timeout 30m -run '^TestProcessesThatRace' ./fleet -v -identifies 40 -report REPORT.md $(ARGS)

fleet-workers:
	go test -count=1 -timeout 30m -run '^TestEffects' ./fleet -v -worker-kills 100 -rate 2000 -report REPORT.md $(ARGS)

fleet-nats:
	go test -count=1 -timeout 30m -run '^TestKilledLeader' ./fleet -v -nats-minutes 5 -rate 1000 -report REPORT.md $(ARGS)

fleet-partition:
	go test -count=1 -timeout 30m -run '^TestNodeCutFrom' ./fleet -v -cuts 10 -rate 1000 -report REPORT.md $(ARGS)

fleet-report: fleet-kill fleet-stop fleet-workers fleet-move fleet-identify fleet-nats fleet-partition

# A node's memory over ten minutes, which writes bench/SOAK.md.
fleet-soak:
	cd bench && go run . -modes soak $(ARGS)

# Each target for FUZZTIME; a find is kept in testdata/fuzz and fails the tests from then on.
fuzz:
	@go list ./... | while read -r pkg; do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

bench:
	go test -run '^$$' -bench . -benchmem ./...

# The module that measures Chiru against its limits and its peers: that it works, and a slice of what the fleet costs, with its seed.
bench-check:
	cd bench && go vet ./... && go test -count=1 ./...
	cd bench && go run . -modes fleet -compressions zlib-stream -rounds 1 -events 30000 -seed $$(date +%s) -o /dev/stdout
	cd bench && go run . -modes soak -soak 30s

# All of it, which writes bench/RESULTS.md: an hour of a quiet machine. ARGS are flags of bench/main.go, for a slice.
# Needs Node 20 or later, and what node-gyp needs, for one of the peers.
bench-report: bench-check
	cd bench && go run . $(ARGS)

# Each patch in mutants/ is a fault that its test must catch. RUN chooses some of them.
mutants:
	go run ./mutants -run '$(RUN)'
