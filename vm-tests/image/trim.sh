#!/bin/bash
# Runs in the guest's root after the build root was copied from it: the compiler and the headers go, the module stays.
# A server has none of them, and under emulation every package that an upgrade takes along is seconds.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
kernel=$(basename /boot/vmlinuz-*)
kernel=${kernel#vmlinuz-}
cp -a "/lib/modules/$kernel/updates" /root/modules
# Removing zfs-dkms removes its module: it is put back.
mapfile -t tools < <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" {print $2}' |
  grep -E -- '-dev$|^(zfs-dkms|dkms|gcc|cpp|gcc-[0-9]+|cpp-[0-9]+|pkg-config|pkgconf|pkgconf-bin|binutils|make|patch|dpkg-dev|linux-(headers|kbuild|compiler)-.*)$')
apt-get purge -y -qq "${tools[@]}"
apt-get autoremove -y -qq --purge
cp -a /root/modules "/lib/modules/$kernel/updates"
rm -rf /root/modules /usr/src/*
depmod "$kernel"
modinfo -k "$kernel" -F version zfs >/etc/backout-zfs-version
dpkg -s zfsutils-linux mariadb-server redis-server >/dev/null
