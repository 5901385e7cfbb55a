#!/usr/bin/env bash
# build.sh DIR: builds the spire-server and spire-agent that go.mod names, beside this script, into DIR. Needs Go and a C compiler.
# Minutes the first time, seconds from then on.
set -euo pipefail

directory=${1:?usage: build.sh DIR}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! command -v go >/dev/null; then
  wanted=$(sed -n 's/^go //p' go.mod)
  echo "SPIRE is built by Go $wanted or newer, which is not there: install it, or name a directory with spire-server and spire-agent in SPIRE_BIN" >&2
  exit 1
fi

version=$(go list -m -f '{{.Version}}' github.com/spiffe/spire)
echo "Building SPIRE $version (some 4 minutes, once)"
# Nothing of the surroundings gets in; SQLite, which the server keeps its entries in, is C.
GOFLAGS='' CGO_ENABLED=1 go build -trimpath -buildvcs=false \
  -ldflags "-s -w -X github.com/spiffe/spire/pkg/common/version.gittag=${version#v}" \
  -o "$directory/" \
  github.com/spiffe/spire/cmd/spire-server github.com/spiffe/spire/cmd/spire-agent
"$directory/spire-server" --version
"$directory/spire-agent" --version
