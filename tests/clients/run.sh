#!/usr/bin/env bash
# Runs every third-party client against the playground, which must be built:
#
#     cargo build --workspace --bins --examples
#     tests/clients/run.sh
#
# Installs the versions pinned in package-lock.json, requirements.txt and Cargo.lock, and missing
# Debian packages that they need. All three suites run even if one fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

repository=$(cd ../.. && pwd)
export PLAYGROUND_BIN=${PLAYGROUND_BIN:-$repository/target/debug/examples/playground}

if [[ ! -x $PLAYGROUND_BIN ]]; then
  echo "run.sh: no playground at $PLAYGROUND_BIN: cargo build --workspace --bins --examples" >&2
  exit 1
fi

npm_clients() (
  cd npm
  set -x
  # No scripts: they would only build optional accelerators.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  # With --test-force-exit: some old clients leave a timer running for ever.
  npm test
)

python_clients() (
  cd python
  set -x
  [[ -x .venv/bin/pip ]] || python3 -m venv --clear .venv || { ../../debian.sh python3-venv && python3 -m venv --clear .venv; }
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
  .venv/bin/python -m unittest --verbose
)

rust_clients() (
  cd rust
  # One of the clients is built with OpenSSL, encrypted or not.
  pkg-config --exists openssl 2>/dev/null || ../../debian.sh pkg-config libssl-dev
  set -x
  cargo test --locked --no-fail-fast --quiet
)

failed=()
for suite in npm_clients python_clients rust_clients; do
  echo "== $suite"
  started=$SECONDS
  # `set -e` would have no effect inside a condition, so each suite runs in its own shell.
  status=0
  (set -euo pipefail; "$suite") & wait $! || status=$?
  echo "== $suite: $([[ $status == 0 ]] && echo passed || echo failed) after $((SECONDS - started)) s"
  [[ $status == 0 ]] || failed+=("$suite")
done

if ((${#failed[@]})); then
  echo "run.sh: failed: ${failed[*]}" >&2
  exit 1
fi
echo "run.sh: all clients pass"
