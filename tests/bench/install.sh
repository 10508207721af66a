#!/usr/bin/env bash
# Installs Debian's Valgrind if it is missing: Callgrind counts instructions where the kernel has no
# counters for us.
set -euo pipefail

if command -v valgrind >/dev/null && command -v vgdb >/dev/null; then
  echo "install.sh: valgrind is installed"
else
  "$(dirname "${BASH_SOURCE[0]}")/../debian.sh" valgrind
fi
