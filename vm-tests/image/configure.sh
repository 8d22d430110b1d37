#!/bin/bash
# Runs in the guest's root (chroot) while the image is built: a lean boot, a small initrd, nothing started by itself.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

# --- lean boot: nothing that a test guest has no use for -----------------------------------------------------------------
systemctl mask --quiet \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  systemd-tmpfiles-clean.timer systemd-networkd.service systemd-networkd.socket systemd-timesyncd.service systemd-resolved.service \
  systemd-pstore.service systemd-rfkill.socket systemd-hwdb-update.service systemd-journal-catalog-update.service \
  systemd-journal-flush.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-logind.service \
  systemd-ask-password-console.path systemd-ask-password-wall.path systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
  getty.target serial-getty@ttyS0.service getty-static.service console-getty.service getty@tty1.service \
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
  systemd-machine-id-commit.service systemd-boot-system-token.service modprobe@drm.service modprobe@fuse.service \
  systemd-sysusers.service systemd-firstboot.service apparmor.service zfs-volume-wait.service zfs-share.service zfs-zed.service remote-fs.target
# A service starts when a case has put its data on ZFS, not before.
systemctl disable --quiet mariadb.service redis-server.service
systemctl enable --quiet zfs-import-cache.service zfs-import.target zfs-mount.service zfs.target \
  backout-pools.service backout-case.service
systemctl set-default --quiet backout-case.target
printf 'guest\n' >/etc/hostname
printf '127.0.0.1 localhost guest\n' >/etc/hosts
: >/etc/fstab
mkdir -p /case /result /srv/pools
printf '0123456789abcdef0123456789abcdef\n' >/etc/machine-id
printf 'root:root\n' | chpasswd
mkdir -p /var/log/journal
# A half of the memory of a small guest is more than the tests need.
printf 'options zfs zfs_arc_max=268435456\n' >/etc/modprobe.d/zfs.conf
printf 'zfs\n' >/etc/modules-load.d/zfs.conf

# --- a small initrd: under emulation its size is boot time -----------------------------------------------------------------
printf 'MODULES=list\nCOMPRESS=lz4\n' >/etc/initramfs-tools/conf.d/backout
printf 'virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n' >>/etc/initramfs-tools/modules
apt-get install -y -qq --no-install-recommends lz4
kernel=$(basename /boot/vmlinuz-*)
update-initramfs -u -k "${kernel#vmlinuz-}"
printf 'update_initramfs=no\n' >/etc/initramfs-tools/update-initramfs.conf

