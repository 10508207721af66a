#!/usr/bin/env bash
# Installs Debian's PostgreSQL (the server, psql, and libpq's header), where it is missing. The tests start servers of
# their own; no server is started here, and those that exist are left alone.
set -euo pipefail

needed=14
installed=0
for folder in /usr/lib/postgresql/*/bin; do
  version=$(basename "$(dirname "$folder")")
  [[ $version =~ ^[0-9]+$ && -x $folder/postgres && -x $folder/initdb && -x $folder/psql ]] || continue
  ((version > installed)) && installed=$version
done
missing=()
((installed >= needed)) || missing+=(postgresql)
command -v pg_config >/dev/null && [[ -f $(pg_config --includedir)/libpq-fe.h ]] || missing+=(libpq-dev)
if [[ ${#missing[@]} == 0 ]]; then
  echo "install.sh: PostgreSQL $installed and libpq's header are installed"
  exit
fi

debian=$(dirname "${BASH_SOURCE[0]}")/../debian.sh
settings=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql "* && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  # Debian's package would make and start a server of its own. The tests need none, so that is turned off meanwhile.
  "$debian" postgresql-common
  kept=$(mktemp)
  cp --preserve=all "$settings" "$kept"
  trap 'cp --preserve=all "$kept" "$settings" && rm "$kept"' EXIT
  pg_conftool "$settings" set create_main_cluster off
fi
"$debian" "${missing[@]}"
