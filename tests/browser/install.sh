#!/usr/bin/env bash
# Installs Debian's Chromium, unless it is installed already.
set -euo pipefail

if [[ -x /usr/bin/chromium ]]; then
  echo "install.sh: /usr/bin/chromium is installed"
else
  "$(dirname "${BASH_SOURCE[0]}")/../debian.sh" chromium
fi
