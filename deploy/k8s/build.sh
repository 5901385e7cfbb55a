#!/usr/bin/env bash
# build.sh OUT: builds the static binary of the image for this machine's architecture into OUT. The same sources, compiler and SOURCE_DATE_EPOCH
# give the same bytes, wherever they lie: see reproduce.sh. Needs rustup or the target's std, and musl-gcc.
set -euo pipefail

out=${1:?usage: build.sh OUT}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=$(uname -m)-unknown-linux-musl
case $target in
  x86_64-* | aarch64-*) ;;
  *) echo "$target: no image is made for this architecture" >&2; exit 1 ;;
esac
command -v musl-gcc >/dev/null || { echo "the C parts need musl-gcc: install musl-tools" >&2; exit 1; }

wanted=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
# The components that the toolchain file names are for developers: an image's builder has none of them.
export RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-$wanted}
[[ "$(rustc --version)" == "rustc $wanted "* ]] || { echo "rust-toolchain.toml wants Rust $wanted, and this is $(rustc --version)" >&2; exit 1; }
[[ -d "$(rustc --print sysroot)/lib/rustlib/$target" ]] || rustup target add "$target"

# Directories get into panic messages and debug information: they are called the same everywhere.
registry=${CARGO_HOME:-$HOME/.cargo}/registry
directory=${CARGO_TARGET_DIR:-$PWD/target/image}
# Of two that fit, the last one counts.
named=("$PWD=/hopguard" "$directory=/target" "$registry=/registry" "$(rustc --print sysroot)=/rust")

flags=()
prefixes=()
for pair in "${named[@]}"; do
  flags+=("--remap-path-prefix=$pair")
  prefixes+=("-ffile-prefix-map=$pair")
done
separator=$'\x1f'
CARGO_ENCODED_RUSTFLAGS=$(IFS=$separator; printf '%s' "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS
export "CC_${target//-/_}=musl-gcc" "CFLAGS_${target//-/_}=${prefixes[*]}"
# The date that gets into what records one: that of the commit, if nothing else is said.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH CARGO_INCREMENTAL=0 LC_ALL=C TZ=UTC

cargo build --locked --package hopguard --bin hopguard --target "$target" --target-dir "$directory" --profile "${PROFILE:-release}"

built=$directory/$target/${PROFILE:-release}/hopguard
[[ "${PROFILE:-}" == dev ]] && built=$directory/$target/debug/hopguard
# What is loaded at run time is not in the image.
if readelf --program-headers --dynamic "$built" | grep -E 'INTERP|NEEDED'; then
  echo "$built is not static" >&2
  exit 1
fi
install -m 755 "$built" "$out/hopguard"
