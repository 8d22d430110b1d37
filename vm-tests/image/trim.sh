#!/bin/bash
# Runs in the guest's root after the build root was copied from it: the compiler and the headers go, the module stays.
# A server has none of them, and under emulation every package that an upgrade takes along is seconds.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
# Debian's kernel, if it is that: removing zfs-dkms removes its module, which is put back.
kernel=$(basename "$(find /lib/modules -mindepth 1 -maxdepth 1 2>/dev/null || true)")
[ -z "$kernel" ] || cp -a "/lib/modules/$kernel/updates" /root/modules
mapfile -t tools < <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" {print $2}' |
  grep -E -- '-dev$|^(zfs-dkms|dkms|gcc|cpp|gcc-[0-9]+|cpp-[0-9]+|pkg-config|pkgconf|pkgconf-bin|binutils|make|patch|dpkg-dev|linux-(headers|kbuild|compiler)-.*)$')
apt-get purge -y -qq "${tools[@]}"
apt-get autoremove -y -qq --purge
if [ -n "$kernel" ]; then
  cp -a /root/modules "/lib/modules/$kernel/updates"
  depmod "$kernel"
  modinfo -k "$kernel" -F version zfs >/etc/backout-zfs-version
fi
rm -rf /root/modules /usr/src/*
dpkg -s mariadb-server redis-server >/dev/null
# ZFS has all that it is linked to.
[ -z "$(ldd /usr/sbin/zfs /usr/sbin/zpool | grep -F "not found")" ]
