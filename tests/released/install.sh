#!/usr/bin/env bash
# Installs Debian's libfaketime if it is missing. Requests in the released folder expire, so the
# tests set the server's clock to the time when the folder was written.
set -euo pipefail

if command -v faketime >/dev/null; then
  echo "install.sh: faketime is installed"
else
  "$(dirname "${BASH_SOURCE[0]}")/../debian.sh" faketime
fi
