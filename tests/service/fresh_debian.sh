#!/usr/bin/env bash
# Installs the package in a fresh Debian 12 with systemd as its first process, boots it, and runs
# inside.sh in it:
#
#     make deb deb-test
#
# Takes two minutes, 400 MB in a temporary folder, and root, which debootstrap and systemd-nspawn
# need. The packages come from the mirror in MIRROR, by default Debian's own.
set -euo pipefail
deb=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"

mirror=${MIRROR:-http://deb.debian.org/debian}
folder=$(mktemp --directory --tmpdir vestibule-debian-XXXXXX)
trap 'rm --recursive --force --one-file-system "$folder"' EXIT
# mktemp makes the folder private, but a root directory must be readable for everybody.
chmod 755 "$folder"
root=$folder/root

say() { echo "fresh_debian.sh: $*"; }
# --register=no, --keep-unit: this machine's own first process may not be systemd.
container() { systemd-nspawn --directory="$root" --register=no --keep-unit --quiet "$@"; }
in_it() {
  container --pipe --setenv=DEBIAN_FRONTEND=noninteractive --setenv=LC_ALL=C.UTF-8 "$@" >"$folder/log" 2>&1 ||
    { cat "$folder/log"; say "failed: $*"; exit 1; }
}

say "a minimal Debian 12 from $mirror"
debootstrap --variant=minbase bookworm "$root" "$mirror" >"$folder/log" || { cat "$folder/log"; exit 1; }

say "the package without a running systemd, as in a container's build"
cp "$deb" "$root/vestibule.deb"
in_it apt-get install --quiet=2 --yes --no-install-recommends /vestibule.deb
in_it vestibule --version
cat "$folder/log"
in_it apt-get purge --quiet=2 --yes vestibule

say "the package, with systemd as the first process"
in_it apt-get install --quiet=2 --yes --no-install-recommends systemd-sysv dbus curl
install inside.sh "$root/inside.sh"
cat >"$root/etc/systemd/system/inside.service" <<'UNIT'
[Unit]
After=multi-user.target dbus.service
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/inside.sh
StandardOutput=file:/inside.log
StandardError=inherit
UNIT
if container --private-network --boot --console=pipe systemd.unit=inside.service >"$folder/boot" 2>&1; then
  cat "$root/inside.log"
else
  cat "$folder/boot" "$root/inside.log"
  say "failed" >&2
  exit 1
fi
