#!/usr/bin/env bash
# Installs the Debian packages that the tests here need, where they are missing. More can be named, as pairs.
set -euo pipefail

# A program and the package that has it, each.
needed=(
  systemd-analyze systemd
  dh debhelper
  lintian lintian
  openssl openssl
  nginx nginx-light
  caddy caddy
  "$@"
)
missing=()
for ((at = 0; at < ${#needed[@]}; at += 2)); do
  # Some are where only root looks.
  PATH=$PATH:/usr/sbin:/sbin command -v "${needed[at]}" >/dev/null || missing+=("${needed[at + 1]}")
done
if [[ ${#missing[@]} == 0 ]]; then
  echo "install.sh: all is there"
else
  "$(dirname "${BASH_SOURCE[0]}")/../debian.sh" "${missing[@]}"
fi
