#!/usr/bin/env bash
# build.sh DIR: builds the kube-apiserver and etcd that go.mod names, beside this script, into DIR. Needs Go. Minutes the first time,
# seconds from then on.
set -euo pipefail

directory=${1:?usage: build.sh DIR}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! command -v go >/dev/null; then
  wanted=$(sed -n 's/^go //p' go.mod)
  echo "kube-apiserver is built by Go $wanted or newer, which is not there: install it, or name a directory with kube-apiserver and etcd in KUBE_BIN" >&2
  exit 1
fi

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v1.}
echo "Building kube-apiserver $version and etcd (some 5 minutes, once)"
# The version is what the server tells clients and what it decides its features by: a build that does not say it would be another server.
stamp=k8s.io/component-base/version
# Nothing of the surroundings gets in.
GOFLAGS='' CGO_ENABLED=0 go build -trimpath -buildvcs=false -mod=readonly \
  -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" \
  -o "$directory/" k8s.io/kubernetes/cmd/kube-apiserver
# Its package is the root of its module, which would make its name `v3`.
GOFLAGS='' CGO_ENABLED=0 go build -trimpath -buildvcs=false -mod=readonly -ldflags '-s -w' -o "$directory/etcd" go.etcd.io/etcd/server/v3
"$directory/kube-apiserver" --version
"$directory/etcd" --version
