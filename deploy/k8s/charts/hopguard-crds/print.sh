#!/usr/bin/env bash
# Prints the definitions anew, one file for each kind: `deploy/k8s/charts/hopguard-crds/print.sh target/debug/hopguard`.
set -euo pipefail

hopguard=$(realpath "${1:?name the hopguard to run}")
cd "$(dirname "${BASH_SOURCE[0]}")/files/crds"
rm -f -- *.yaml
"$hopguard" config --schema crds | awk '
  function write() { if (plural != "") { printf "%s", text > (plural ".yaml") } text = ""; plural = "" }
  $0 == "---" { write(); next }
  $1 == "plural:" { plural = $2 }
  { text = text $0 "\n" }
  END { write() }
'
ls
