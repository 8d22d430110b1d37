#!/bin/bash
# Runs in the guest's root (chroot) while it still has a compiler, with the source of OpenZFS in /build/zfs: its commands, libraries, headers and units.
set -euo pipefail
cd /build/zfs
lib=/usr/lib/$(gcc -print-multiarch)
CFLAGS='-O1 -g0' ./configure --quiet --with-config=user --prefix=/usr --sysconfdir=/etc --localstatedir=/var --sbindir=/usr/sbin --libdir="$lib" \
  --libexecdir=/usr/libexec --with-udevdir=/usr/lib/udev --with-mounthelperdir=/usr/sbin --with-systemdunitdir=/usr/lib/systemd/system \
  --with-systemdpresetdir=/usr/lib/systemd/system-preset --with-systemdmodulesloaddir=/usr/lib/modules-load.d \
  --with-systemdgeneratordir=/usr/lib/systemd/system-generators --enable-systemd --disable-pyzfs --disable-nls --disable-static
# What a guest uses, and no more: all of it takes ten times as long.
what=(
  'lib_LTLIBRARIES=libnvpair.la libuutil.la libzfs_core.la libzfs.la'
  'sbin_PROGRAMS=zfs zpool zgenhostid'
  'mounthelper_PROGRAMS=mount.zfs'
  'udev_PROGRAMS=udev/zvol_id'
)
make -s "-j$(nproc)" libnvpair.la libuutil.la libzfs_core.la libzfs.la zfs zpool zgenhostid mount.zfs udev/zvol_id
make -s "${what[@]}" install-libLTLIBRARIES install-sbinPROGRAMS install-mounthelperPROGRAMS install-udevPROGRAMS install-udevruleDATA \
  install-systemdunitDATA install-pkgconfigDATA install-libsplHEADERS install-libspl_rpcHEADERS install-libspl_sysHEADERS install-libspl_sys_dktpHEADERS
make -s -C include install
# The packages of what it is linked to stay when the compiler goes.
mapfile -t needed < <(ldd /usr/sbin/zfs /usr/sbin/zpool | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | xargs readlink -f | sort -u)
# A package knows its files by the path before or after /lib became a link: one of the two is not found.
{ dpkg -S "${needed[@]}" "${needed[@]#/usr}" 2>/dev/null || true; } | cut -d: -f1 | sort -u | xargs apt-mark manual
mkdir -p /etc/zfs
ldconfig
rm -rf /build/zfs
