#!/usr/bin/env bash
# Installs the Debian packages that these tests need, if they are missing. Arguments name further
# pairs.
set -euo pipefail

# Pairs of a program and its package.
needed=(
  systemd-analyze systemd
  dh debhelper
  lintian lintian
  gdb gdb
  readelf binutils
  openssl openssl
  nginx nginx-light
  caddy caddy
  "$@"
)
missing=()
for ((at = 0; at < ${#needed[@]}; at += 2)); do
  # Some programs are only in root's PATH.
  PATH=$PATH:/usr/sbin:/sbin command -v "${needed[at]}" >/dev/null || missing+=("${needed[at + 1]}")
done
if [[ ${#missing[@]} == 0 ]]; then
  echo "install.sh: everything is installed"
else
  "$(dirname "${BASH_SOURCE[0]}")/../debian.sh" "${missing[@]}"
fi
