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

# --- modules as they are used: unpacking them, and the digest for a signature whose key no kernel has, take seconds of every boot under emulation -----
kernel=$(basename /boot/vmlinuz-*)
kernel=${kernel#vmlinuz-}
for module in "/lib/modules/$kernel"/updates/dkms/*; do
  [[ $module != *.xz ]] || unxz "$module"
  # A signature goes, too.
  strip --strip-debug "${module%.xz}"
done
depmod "$kernel"

# --- a small initrd: under emulation its size is boot time -----------------------------------------------------------------
printf 'MODULES=list\nCOMPRESS=lz4\n' >/etc/initramfs-tools/conf.d/backout
printf 'virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n' >>/etc/initramfs-tools/modules
apt-get install -y -qq --no-install-recommends lz4
update-initramfs -u -k "$kernel"
printf 'update_initramfs=no\n' >/etc/initramfs-tools/update-initramfs.conf

