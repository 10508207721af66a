#!/usr/bin/env bash
# Builds programs of another revision as `make bench` builds this one's, into target/bench/revisions,
# and prints the folder. A program is built once.
#
#   tests/bench/build_revision.sh REVISION playground vestibule
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

commit=$(git rev-parse --verify --quiet "${1:?usage: build_revision.sh REVISION PROGRAM...}^{commit}") || {
  echo "build_revision.sh: unknown revision $1" >&2
  exit 1
}
shift
folder=target/bench/revisions/$commit
tree=target/bench/worktree

check_out() {
  git worktree prune
  if [[ -e $tree ]]; then
    git -C "$tree" checkout --quiet --detach "$commit"
  else
    git worktree add --quiet --detach "$tree" "$commit" >&2
  fi
}

build() {
  # A target folder of its own: the one here is for the revision that is checked out here.
  cargo build --release --locked --manifest-path "$tree/Cargo.toml" --target-dir target/bench/target "$@" >&2
}

for program in "$@"; do
  [[ ! -x $folder/$program ]] || continue
  check_out
  case $program in
    playground) build --package vestibule-channels --example playground && built=examples/playground ;;
    vestibule) build --package vestibule --bin vestibule && built=vestibule ;;
  esac
  mkdir -p "$folder"
  cp "target/bench/target/release/$built" "$folder/$program"
done
echo "$folder"
