#!/usr/bin/env bash
# Runs a command that uses Podman as an unprivileged user:
#
#     rootless.sh COMMAND…
#
# The command runs as root. Its environment has PODMAN, a program that runs Podman as a user created
# for this run, and FOLDER, that user's home. Everything that the run creates lies in FOLDER, which
# is deleted at the end together with the user, and with it every container, image and volume.
set -euo pipefail

say() { echo "rootless.sh: $*"; }
[[ $(id -u) == 0 ]] || { say "only root can create the user that runs Podman" >&2; exit 1; }

# The mounts below must not be visible to other processes.
if [[ -z ${VESTIBULE_OWN_MOUNTS:-} ]]; then
  VESTIBULE_OWN_MOUNTS=yes exec unshare --mount --propagation private "$0" "$@"
fi
# Podman expects a shared root, as systemd makes it, and warns otherwise.
mount --make-rshared /

user=vestibule-$$
FOLDER=$(mktemp --directory /var/tmp/vestibule-container-XXXXXX)
PODMAN=$FOLDER/podman
export FOLDER PODMAN
tidy_up() {
  "$PODMAN" rm --all --force --time 0 >/dev/null || true
  # Ends the process that holds the user's namespaces.
  "$PODMAN" system migrate || true
  userdel "$user" || say "user $user could not be deleted" >&2
  # `rm` deletes what is mounted as well: with a mount below FOLDER, leave everything.
  # `--one-file-system` alone does not notice bind mounts.
  if grep --quiet --fixed-strings " $FOLDER" /proc/self/mountinfo; then
    say "something is mounted in $FOLDER, so it is not deleted" >&2
    return 1
  fi
  rm --recursive --force --one-file-system "$FOLDER"
}
useradd --no-create-home --home-dir "$FOLDER" --shell /usr/sbin/nologin "$user"
trap tidy_up EXIT

if ! runuser --user "$user" -- test -w /dev/net/tun; then
  say "only root may open this machine's /dev/net/tun: mounting one with udev's usual mode"
  mkdir --parents /dev/net
  mount -t tmpfs -o mode=755 tmpfs /dev/net
  mknod --mode=666 /dev/net/tun c 10 200
fi
if [[ $(stat --file-system --format=%T /sys/fs/cgroup) != cgroup2fs ]]; then
  say "crun needs cgroup v2, which this machine does not have at /sys/fs/cgroup: mounting it"
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi

mkdir --parents "$FOLDER"/{run,tmp,.config/containers}
# The kernel mounts overlays for unprivileged users, so that FUSE is not needed.
printf '[storage]\ndriver = "overlay"\n' >"$FOLDER/.config/containers/storage.conf"
# The user has no session, hence no systemd of its own.
printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "crun"\n' \
  >"$FOLDER/.config/containers/containers.conf"
cat >"$PODMAN" <<END
#!/bin/sh
cd "$FOLDER" && exec runuser --user "$user" -- env --ignore-environment \
  HOME="$FOLDER" XDG_RUNTIME_DIR="$FOLDER/run" TMPDIR="$FOLDER/tmp" \
  PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DISABLE_HC_SYSTEMD=true podman "\$@"
END
chmod 755 "$PODMAN"
chown --recursive "$user:" "$FOLDER"
chmod 700 "$FOLDER/run"

say "$("$PODMAN" --version) as $user, in $FOLDER"
[[ $("$PODMAN" info --format '{{.Host.Security.Rootless}}') == true ]]
"$@"
