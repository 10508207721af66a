#!/usr/bin/env bash
# Builds the image and tests it. Arguments are those of build.sh:
#
#     rootless.sh test.sh [BINARY]
set -euo pipefail
"$(dirname "${BASH_SOURCE[0]}")/build.sh" "$@"
cd "$(dirname "${BASH_SOURCE[0]}")" && npm test
