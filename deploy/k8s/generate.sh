#!/usr/bin/env bash
# generate.sh: writes what is made of something else: the chart's table of parameters and the part `config` of its schema, and sidecar.yaml.
# Needs HELM, HOPGUARD and README_GENERATOR (npm's @bitnami/readme-generator-for-helm), by default those of `make chart` and `cargo build`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

target=${CARGO_TARGET_DIR:-../../target}
tools=${CHART_TOOLS:-$target/tools/chart}
helm=${HELM:-$tools/bin/helm}
hopguard=${HOPGUARD:-$target/debug/hopguard}
readme_generator=${README_GENERATOR:-$tools/node_modules/.bin/readme-generator}

# Aside first: a tool that fails leaves the file as it was.
aside=$(mktemp)
trap 'rm -f "$aside"' EXIT
python3 generate.py schema "$hopguard" >"$aside" && cat "$aside" >charts/hopguard/values.schema.json
python3 generate.py sidecar "$helm" >"$aside" && cat "$aside" >sidecar.yaml
"$readme_generator" --values charts/hopguard/values.yaml --readme charts/hopguard/README.md
