#!/usr/bin/env bash
# Runs a command with the released server in VESTIBULE_BIN, where the tests look for the server: the one that RELEASED_BIN
# names, else one that is built here from the release's commit, in target/released.
set -euo pipefail

commit=ee2e8e1
# More than enough on a small machine, where it takes minutes.
longest=60m

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
built=$root/target/released/$commit
if [[ -n ${RELEASED_BIN:-} ]]; then
  VESTIBULE_BIN=$(realpath "$RELEASED_BIN")
else
  VESTIBULE_BIN=$built/target/debug/vestibule
  if [[ ! -x $VESTIBULE_BIN ]]; then
    git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null || {
      echo "released_server.sh: the release's commit $commit is not in this clone: fetch it, or name a built server in RELEASED_BIN" >&2
      exit 1
    }
    echo "released_server.sh: building the server of commit $commit" >&2
    mkdir -p "$built/source"
    git -C "$root" archive "$commit" | tar -x -C "$built/source"
    (cd "$built/source" && timeout "$longest" cargo build --package vestibule --bin vestibule --locked --target-dir "$built/target")
  fi
fi
export VESTIBULE_BIN
exec "$@"
