#!/usr/bin/env bash
# Builds the playground of another revision, as `make bench` builds this one's, and copies it to
# target/bench/revisions. Prints the path. A revision is built once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

commit=$(git rev-parse --verify --quiet "${1:?usage: build_revision.sh REVISION}^{commit}") || {
  echo "build_revision.sh: unknown revision $1" >&2
  exit 1
}
program=target/bench/revisions/$commit
if [[ ! -x $program ]]; then
  tree=target/bench/worktree
  git worktree prune
  if [[ -e $tree ]]; then
    git -C "$tree" checkout --quiet --detach "$commit"
  else
    git worktree add --quiet --detach "$tree" "$commit" >&2
  fi
  # A target folder of its own, next to the worktree: the one here is for this revision.
  cargo build --release --package vestibule-channels --example playground --locked \
    --manifest-path "$tree/Cargo.toml" --target-dir target/bench/target >&2
  mkdir -p target/bench/revisions
  cp target/bench/target/release/examples/playground "$program"
fi
echo "$program"
