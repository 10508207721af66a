#!/usr/bin/env bash
# Runs the tests of the schema and of the store on a PostgreSQL of their own: those that run on either database, and
# those of PostgreSQL alone. Built as `make rust` builds them: for the two packages alone some dependencies would have
# fewer features, and be built a second time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

programs=$(cargo test --workspace --locked --features vestibule/postgres --lib --test store --no-run \
  --message-format=json 2>/dev/null | python3 -c '
import json, sys

for line in sys.stdin:
    built = json.loads(line)
    package = built.get("manifest_path", "").rsplit("/", 1)[0]
    if built.get("executable") and package.endswith(("/schema", "/server/store")):
        print(package, built["executable"])
')
[[ -n $programs ]] || { echo "store.sh: the tests do not compile" >&2; exit 1; }
while read -r package program; do
  echo "== $(basename "$program") on PostgreSQL"
  (cd "$package" && "$OLDPWD/target/debug/with-postgres" "$program" --include-ignored --quiet)
done <<<"$programs"
