#!/usr/bin/env bash
# Builds server/Containerfile as localhost/vestibule, without an image from a registry:
#
#     rootless.sh build.sh           everything, with the compilers of this machine
#     rootless.sh build.sh BINARY    the last stage alone, around a binary that was built before
#
# debootstrap makes the Debian that the Containerfile starts from. Its archive is kept in target.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

mirror=${MIRROR:-http://deb.debian.org/debian}
archive=target/container/debian-12.tar
say() { echo "build.sh: $*"; }

# As small as docker.io/library/debian:12-slim: without manuals, translations and package lists.
left_out=('./dev/*' './usr/share/'{doc,man,info,locale}'/*' './var/lib/apt/lists/*'
  './var/cache/apt/*' ./etc/{resolv.conf,hostname})
if [[ ! -e $archive ]]; then
  say "a minimal Debian 12 from $mirror, kept in $archive"
  root=$FOLDER/debian
  debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" ||
    { cat "$root.log"; exit 1; }
  mkdir --parents "$(dirname "$archive")"
  tar --create --directory="$root" "${left_out[@]/#/--exclude=}" . >"$archive.part"
  mv "$archive.part" "$archive"
fi
"$PODMAN" import --quiet --change 'CMD ["bash"]' - localhost/debian <"$archive"

build() { "$PODMAN" build --build-arg DEBIAN_IMAGE=localhost/debian "$@"; }

if [[ $# == 1 ]]; then
  say "the last stage of server/Containerfile, around $1"
  install --strip -D --target-directory="$FOLDER/server/built" "$1"
  { echo 'ARG DEBIAN_IMAGE'; sed --quiet '/^FROM ${DEBIAN_IMAGE}/,$p' server/Containerfile; } \
    >"$FOLDER/Containerfile"
  # The folder takes the place of the stage `server`.
  build --format docker --file "$FOLDER/Containerfile" --tag localhost/vestibule \
    --build-context server="$FOLDER/server" "$FOLDER/server"
  exit
fi

say "images with this machine's Rust and Node"
compilers=$FOLDER/compilers
mkdir --parents "$compilers"/{rust,npm}
cp /etc/ssl/certs/ca-certificates.crt "$(command -v node)" "$compilers"
# Copied, never mounted: rootless.sh deletes this folder.
sysroot=$(rustc --print sysroot)
cp --recursive --no-dereference "$sysroot/bin" "$sysroot/lib" "$compilers/rust"
cp --recursive --no-dereference "$(npm root --global)/npm/." "$compilers/npm"
# How this machine reaches its package registries, where files say so. In these images alone: a file
# that is mounted for the build leaves its name in the image.
registries=$compilers/registries
mkdir "$registries"
give() { [[ ! -e $1 ]] || install --mode=644 -D "$1" "$registries/$2"; }
give "${CARGO_HOME:-$HOME/.cargo}/config.toml" usr/local/cargo/config.toml
give "$HOME/.npmrc" root/.npmrc
cp tests/container/compilers.Containerfile "$compilers/Containerfile"
for image in node rust; do
  build --quiet --target $image --tag localhost/$image "$compilers"
done

# A copy, since the user may not be allowed to read this folder.
say "server/Containerfile"
context=$FOLDER/context
mkdir "$context"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- |
  tar --extract --directory="$context" --no-same-owner
build --format docker --file "$context/server/Containerfile" --tag localhost/vestibule \
  --build-arg NODE_IMAGE=localhost/node --build-arg RUST_IMAGE=localhost/rust "$context"
