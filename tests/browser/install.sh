#!/usr/bin/env bash
# Puts Debian's Chromium where the test looks for it. Does nothing on a machine that has it.
set -euo pipefail

if [[ -x /usr/bin/chromium ]]; then
  echo "install.sh: /usr/bin/chromium is there"
else
  "$(dirname "${BASH_SOURCE[0]}")/../debian.sh" chromium
fi
