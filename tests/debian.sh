#!/usr/bin/env bash
# Installs Debian packages that a test needs, and says so. Elsewhere, or without the right to, says what is missing.
set -euo pipefail

if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
  echo "debian.sh: these packages are needed (names of Debian's), and only root on Debian can have them installed here: $*" >&2
  exit 1
fi
echo "debian.sh: installing $*"
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --quiet --yes --no-install-recommends "$@"
