#!/bin/sh
# Repairs Debian's packages after an interrupted run of apt or dpkg.
#
#   dpkg-repair --release RELEASE    for an upgrade: to the packages of that release
#   dpkg-repair FILE...              for a downgrade: FILEs are the previous version's packages
#
# A downgrade unpacks the old packages before anything is configured: the scripts of the new ones must
# not see the restored data.
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

# A package that was being unpacked is unpacked again, which neither `dpkg --configure` nor apt-get
# does: in its new version if the release has it, otherwise in the same version.
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

# What cannot be configured depends on packages that were not unpacked yet. apt-get installs those.
dpkg --configure -a --force-confold ||
  apt-get install --yes --fix-broken --no-remove ${release:+"--target-release=$release"} -o Dpkg::Options::=--force-confold
