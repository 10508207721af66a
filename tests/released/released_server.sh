#!/usr/bin/env bash
# Runs a command with the released server as VESTIBULE_BIN, which the tests use. The server is the
# program that RELEASED_BIN names; otherwise it is built from the release's commit and kept in
# target/released.
set -euo pipefail

commit=ee2e8e1
# The build takes minutes; after an hour it hangs.
longest=60m

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
kept=$root/target/released/vestibule-$commit

build() {
  local folder=$root/target/released/build
  if ! git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null; then
    echo "released_server.sh: fetch the release's commit, $commit, or name a server in RELEASED_BIN" >&2
    exit 1
  fi
  echo "released_server.sh: building the server of commit $commit" >&2
  rm -rf "$folder/source"
  mkdir -p "$folder/source"
  git -C "$root" archive "$commit" | tar -x -C "$folder/source"
  local options=(--package vestibule --bin vestibule --locked --target-dir "$folder/target")
  (cd "$folder/source" && timeout "$longest" cargo build "${options[@]}")
  mv "$folder/target/debug/vestibule" "$kept"
  rm -rf "$folder"
}

if [[ -z ${RELEASED_BIN:-} && ! -x $kept ]]; then build; fi
VESTIBULE_BIN=$(realpath --canonicalize-existing "${RELEASED_BIN:-$kept}")
export VESTIBULE_BIN
exec "$@"
