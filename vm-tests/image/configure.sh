#!/bin/bash
# Runs in the guest's root (chroot) while the image is built: a lean boot, and nothing started by itself.
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
# They run at every boot and with every `daemon-reload`, of which a package has several, and find nothing.
mkdir -p /etc/systemd/system-generators
for generator in cryptsetup debug getty gpt-auto hibernate-resume integritysetup rc-local run system-update sysv veritysetup; do
  ln -s /dev/null "/etc/systemd/system-generators/systemd-$generator-generator"
done
printf 'guest\n' >/etc/hostname
printf '127.0.0.1 localhost guest\n' >/etc/hosts
: >/etc/fstab
mkdir -p /case /result /srv/pools
printf 'root:root\n' | chpasswd
mkdir -p /var/log/journal
# A half of the memory of a small guest is more than the tests need.
printf 'options zfs zfs_arc_max=268435456\n' >/etc/modprobe.d/zfs.conf
printf 'zfs\n' >/etc/modules-load.d/zfs.conf
[ ! -f /etc/systemd/system/backout-write-cache.service ] || systemctl enable --quiet backout-write-cache.service
