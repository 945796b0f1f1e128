# What a person types. Each target can be run on its own and twice.

# rustup puts cargo here; a shell that was opened before that does not know it yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

# Tests of what a machine lacks are skipped, loudly; with STRICT=1 (as in CI) they fail.
STRICT ?= $(or $(FFLEET_STRICT),0)
export FFLEET_STRICT := $(STRICT)

.DEFAULT_GOAL := help
.PHONY: help demo check test bench soak

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## install what is missing, build, start a server, do a job, show what came of it (KEEP=1 leaves it running)
	@scripts/setup.sh --for demo
	cargo build --release --locked --package ffleet
	@scripts/demo.sh

check: ## formatting, lints, documentation, levels, sizes, words
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
	cargo xtask levels
	cargo xtask sizes
	cargo xtask words

test: ## check, then everything that proves it, set-up included (some 3 GiB below target/)
	@scripts/setup.sh --for test
	@$(MAKE) --no-print-directory check
	@scripts/prove-setup.sh
	cargo test --workspace --doc --locked --quiet
	cargo nextest run --workspace --locked
	cargo nextest run --release --locked -p ffleet -p ffleet-store -p ffleet-guard -E 'test(serial_bounds::)'

bench: ## speed and memory, against their bounds; writes docs/performance.md
	@scripts/setup.sh --for bench
	cargo build --release --locked --package ffleet
	@scripts/bench.sh

soak: ## the long forms of the tests (an hour), and the demo on a bare system
	@scripts/setup.sh --for test
	@scripts/prove-setup.sh --demo
	cargo build --release --locked --package ffleet
	cargo nextest run --workspace --locked --profile soak --run-ignored only
