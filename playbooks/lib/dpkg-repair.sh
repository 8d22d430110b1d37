#!/bin/sh
# Brings Debian's packages into order after a run of apt or dpkg that was cut off.
#
#   dpkg-repair --release RELEASE    on the way up: to the packages of that release
#   dpkg-repair FILE...              on the way back: FILEs are the previous version's packages
#
# On the way back the old packages are unpacked whatever was being unpacked, and before anything is
# configured: the scripts of the new ones must not see the data that was brought back.
set -u
export DEBIAN_FRONTEND=noninteractive

release=
if [ "${1:-}" = --release ]; then
  [ $# = 2 ] || { echo "usage: dpkg-repair --release RELEASE" >&2; exit 2; }
  release=$2
  shift 2
elif [ $# = 0 ]; then
  echo "usage: dpkg-repair --release RELEASE, or dpkg-repair FILE..." >&2
  exit 2
fi

if [ $# -gt 0 ]; then
  dpkg --unpack --force-confold "$@" || exit
fi

# What was being unpacked is unpacked again, which neither `dpkg --configure` nor apt-get does by
# itself: of the new release where it has the package, else the version that was being unpacked.
folder=$(mktemp -d) || exit
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit
dpkg-query --show --showformat='${db:Status-Eflag} ${binary:Package}=${Version}\n' |
  sed -n 's/^reinstreq //p' >packages || exit
while read -r package; do
  if [ -n "$release" ]; then
    apt-get download --target-release="$release" "${package%%=*}" </dev/null || apt-get download "$package" </dev/null
  else
    apt-get download "$package" </dev/null || apt-get download "${package%%=*}" </dev/null
  fi
done <packages
set -- ./*.deb
if [ -e "$1" ]; then
  dpkg --unpack --force-confold "$@"
fi
cd / || exit

# What cannot be configured depends on packages that were not unpacked yet: apt-get brings those.
dpkg --configure -a --force-confold ||
  apt-get install --yes --fix-broken --no-remove ${release:+"--target-release=$release"} -o Dpkg::Options::=--force-confold
