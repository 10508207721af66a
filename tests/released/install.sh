#!/usr/bin/env bash
# Installs Debian's libfaketime where it is missing: requests of the released folder expire, so the server's clock is set
# to the time when the folder was written.
set -euo pipefail

if command -v faketime >/dev/null; then
  echo "install.sh: faketime is there"
else
  "$(dirname "${BASH_SOURCE[0]}")/../debian.sh" faketime
fi
