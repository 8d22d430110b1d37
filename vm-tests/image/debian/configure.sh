#!/bin/bash
# Runs in the guest's root (chroot) while the image with Debian's kernel is built: small modules and a small initrd.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

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
