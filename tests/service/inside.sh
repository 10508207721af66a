#!/usr/bin/env bash
# The tests of the package inside the Debian that fresh_debian.sh has booted.
set -euo pipefail

step() { echo "inside.sh: $*"; }
trap 'echo "inside.sh: failed at line $LINENO: $BASH_COMMAND"; journalctl --no-pager --unit "vestibule*" | tail --lines=40' ERR

state() { systemctl show --property=ActiveState --value "$1"; }
serves() { curl --silent --fail --max-time 20 http://127.0.0.1:4000/v1/rooms >/dev/null; }
is() { [[ $1 == "$2" ]] || { echo "$1 is not $2"; return 1; }; }
# Replaces the server by a command that exits with this code.
ends_with() {
  mkdir --parents /run/systemd/system/vestibule.service.d
  printf '[Service]\nType=exec\nExecStart=\nExecStart=/bin/sh -c "sleep 0.5; exit %s"\n' "$1" \
    >/run/systemd/system/vestibule.service.d/ends.conf
  systemctl daemon-reload
}
itself_again() {
  rm --recursive /run/systemd/system/vestibule.service.d
  systemctl daemon-reload
}

step "installed: it runs as its own user, with a private folder"
apt-get install --quiet=2 --yes /vestibule.deb >/dev/null 2>&1
is "$(state vestibule.service)" active
is "$(state vestibule.socket)" active
is "$(systemctl is-enabled vestibule.service vestibule.socket | sort --unique)" enabled
serves
is "$(stat --format=%U "/proc/$(systemctl show --property=MainPID --value vestibule)")" vestibule
is "$(stat --format='%U %a' /var/lib/vestibule)" "vestibule 700"
is "$(find /var/lib/vestibule -type f -perm /077)" ""
systemd-analyze verify --man=no vestibule.service vestibule.socket

step "restarted: no connection is refused meanwhile"
for _ in $(seq 100); do curl --silent --show-error --max-time 20 --output /dev/null --write-out '%{http_code}\n' \
  http://127.0.0.1:4000/v1/rooms; sleep 0.02; done >/codes 2>&1 &
sleep 0.3
systemctl restart vestibule
wait $!
is "$(sort --unique /codes)" 200

step "reloaded: it reads its settings again and keeps running"
before=$(systemctl show --property=MainPID --value vestibule)
echo 'max_channels = 7' >>/etc/vestibule/vestibule.toml
systemctl reload vestibule
sleep 1
journalctl --unit=vestibule --grep="reloaded.*max_channels" --quiet --no-pager >/dev/null
is "$(systemctl show --property=MainPID --value vestibule)" "$before"
serves

step "upgraded: the server restarts, the socket and the settings stay"
echo 'name = "chat.example.com"' >>/etc/vestibule/vestibule.toml
socket=$(systemctl show --property=ActiveEnterTimestampMonotonic --value vestibule.socket)
apt-get install --quiet=2 --yes --reinstall /vestibule.deb >/dev/null 2>&1
serves
[[ $(systemctl show --property=MainPID --value vestibule) != "$before" ]]
is "$(systemctl show --property=ActiveEnterTimestampMonotonic --value vestibule.socket)" "$socket"
grep --quiet chat.example.com /etc/vestibule/vestibule.toml

step "killed: it is restarted"
kill -KILL "$(systemctl show --property=MainPID --value vestibule)"
serves

step "the disk failed (74): neither the server nor its socket is started again by systemd"
ends_with 74
systemctl restart vestibule
sleep 5
is "$(state vestibule.service)" failed
is "$(state vestibule.socket)" inactive
itself_again
systemctl start vestibule
serves
is "$(state vestibule.socket)" active

step "invalid settings (2): it is not restarted for ever"
echo 'max_frame = "nonsense"' >>/etc/vestibule/vestibule.toml
systemctl restart vestibule 2>/dev/null && exit 1
sleep 5
is "$(state vestibule.service)" failed
journalctl --unit=vestibule --grep="max_frame" --quiet --no-pager >/dev/null
sed --in-place /nonsense/d /etc/vestibule/vestibule.toml
systemctl reset-failed vestibule.service
systemctl start vestibule
serves

step "removed: it stops but its settings and data stay; purged: they are gone"
apt-get remove --quiet=2 --yes vestibule >/dev/null 2>&1
if serves; then exit 1; fi
[[ -e /etc/vestibule/vestibule.toml && -e /var/lib/vestibule/vestibule.db ]]
apt-get purge --quiet=2 --yes vestibule >/dev/null 2>&1
is "$(find / -xdev -path '*vestibule*' -not -path '/proc/*' -not -path '/vestibule.deb' | sort)" ""
step "all steps passed"
