#!/usr/bin/env bash
# reproduce.sh [OUT]: builds the image's binary twice, from two copies of what the image's build is given, in directories with other names and
# other lengths, and fails unless both are the same, byte for byte. OUT keeps the binary. PROFILE=dev is quicker, and proves it of that profile.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
unset CARGO_TARGET_DIR

# As the .dockerignore lets it in: a build that needs more fails here and not in the image.
mapfile -t given < <(sed -n 's/^!//p' deploy/k8s/Dockerfile.dockerignore)

copies=(here in/a-directory-that-lies-much-deeper)
# Both before either is built: what somebody edits meanwhile is in both, or in none.
for copy in "${copies[@]}"; do
  mkdir -p "$scratch/$copy"
  for path in "${given[@]}"; do
    [[ ! -e "$path" ]] || cp -r --parents "$path" "$scratch/$copy"
  done
done
for copy in "${copies[@]}"; do
  printf '=== %s\n' "$copy"
  "$scratch/$copy/deploy/k8s/build.sh" "$scratch/out/$copy"
  rm -rf "${scratch:?}/$copy"
done

one=$scratch/out/${copies[0]}/hopguard
other=$scratch/out/${copies[1]}/hopguard
sha256sum "$one" "$other"
cmp "$one" "$other"
if grep -aoF "$scratch" "$one" | head -n 1 | grep .; then
  echo "the binary names the directory that it was built in" >&2
  exit 1
fi
if [[ -n "${1:-}" ]]; then
  install -D -m 755 "$one" "$1/hopguard"
fi
