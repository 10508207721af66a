#!/usr/bin/env bash
# Installs the Debian packages that the tests here need, where they are missing.
set -euo pipefail

# A program and the package that has it, each.
needed=(
  podman podman
  crun crun
  newuidmap uidmap
  slirp4netns slirp4netns
  /usr/lib/podman/netavark netavark
  debootstrap debootstrap
  strip binutils
)
missing=()
for ((at = 0; at < ${#needed[@]}; at += 2)); do
  PATH=$PATH:/usr/sbin:/sbin command -v "${needed[at]}" >/dev/null || missing+=("${needed[at + 1]}")
done
if [[ ${#missing[@]} == 0 ]]; then
  echo "install.sh: all packages are installed"
else
  "$(dirname "${BASH_SOURCE[0]}")/../debian.sh" "${missing[@]}"
fi
