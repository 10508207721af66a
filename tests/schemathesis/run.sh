#!/usr/bin/env bash
# Tries the operators' endpoints against their own description with schemathesis, on a server of its own, which must be built:
#
#     cargo build --workspace --bins --examples
#     FOR=60 tests/schemathesis/run.sh
#
# Installs schemathesis beside this file. The one endpoint that ends the server is left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

[[ -x .venv/bin/pip ]] || python3 -m venv --clear .venv || { ../debian.sh python3-venv && python3 -m venv --clear .venv; }
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt

folder=$(mktemp -d)
umask 077
token=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
echo "schemathesis full $token" >"$folder/tokens"
../../target/debug/vestibule --listen 127.0.0.1:0 --data "$folder/data" --log error \
  --admin-listen 127.0.0.1:0 --admin-tokens "$folder/tokens" >"$folder/output" &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$folder"' EXIT

until grep -q 'administered' "$folder/output"; do
  kill -0 $server
  sleep 0.1
done
admin=$(sed -n 's/.*is administered at //p' "$folder/output")

.venv/bin/schemathesis run --header "Authorization: Bearer $token" --exclude-path /admin/v1/drain \
  --max-time "${FOR:-300}" "$admin/admin/v1/openapi.json"
