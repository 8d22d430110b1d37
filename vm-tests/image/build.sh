# shellcheck shell=bash
# build_image ZFS: makes the guest in $IMAGE, all or nothing. Sourced by lib/image.sh.

build_image() {
  local zfs=$1 old=bookworm new=trixie mirror work log began=$SECONDS packages
  mirror=$(debian_mirror)
  work=$IMAGE.building
  log=$IMAGE.log
  rm -rf "$work"
  mkdir -p "$work"
  packages=$(grep -v '^#' "$IMAGE_RECIPE/packages" | paste -sd,)
  local sources=("deb $mirror $old main contrib" "deb $mirror $old-updates main contrib" "deb $mirror-security $old-security main contrib") hooks=()
  case $zfs in
    2.1) ;;
    2.3)
      sources+=("deb $mirror $old-backports main contrib")
      printf 'Package: linux-image-* linux-headers-* linux-kbuild-* src:linux src:linux-signed-amd64 src:zfs-linux\nPin: release n=%s-backports\nPin-Priority: 900\n' "$old" >"$work/backports"
      hooks+=("--setup-hook=mkdir -p \"\$1\"/etc/apt/preferences.d && cp '$work/backports' \"\$1\"/etc/apt/preferences.d/backports")
      ;;
    *) die "no recipe for OpenZFS $zfs: 2.1 and 2.3 are known" ;;
  esac
  say "building the guest (Debian $old, OpenZFS $zfs): about 5 minutes, once; log: $log"
  quietly "$log" mmdebstrap --mode=root --variant=minbase --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt=force-confold --dpkgopt=force-unsafe-io --skip=cleanup/apt/lists \
    "${hooks[@]}" \
    --customize-hook="sync-in '$IMAGE_RECIPE/files' /" \
    --customize-hook="cp '$IMAGE_RECIPE'/*.sh \"\$1\"/root/" \
    --customize-hook="chroot \"\$1\" /bin/bash /root/configure.sh" \
    --customize-hook="cp -ax \"\$1\" '$work/build-root'" \
    --customize-hook="chroot \"\$1\" /bin/bash /root/trim.sh" \
    --customize-hook="chroot \"\$1\" /bin/bash /root/repositories.sh $old $new '$mirror'" \
    "$old" "$work/guest" "${sources[@]}" || return 1
  mkdir -p "$work"/build-root/build/{src,target,cargo,rust}
  # mmdebstrap leaves it to the first boot; each boot of a case is one.
  printf '0123456789abcdef0123456789abcdef\n' >"$work/guest/etc/machine-id"
  cp "$work"/guest/boot/vmlinuz-* "$work/vmlinuz"
  cp "$work"/guest/boot/initrd.img-* "$work/initrd.img"
  cp "$work/guest/etc/backout-zfs-version" "$work/zfs-version"
  say "making its disk"
  quietly "$log.disk" mke2fs -q -t ext4 -d "$work/guest" "$work/base.raw" 6G || return 1
  quietly "$log.disk" qemu-img convert -O qcow2 "$work/base.raw" "$work/base.qcow2" || return 1
  rm -rf "$work/guest"
  rm -f "$work/base.raw" "$work/backports" "$log.disk"
  printf 'mirror=%s\nzfs=%s\nseconds=%s\n' "$mirror" "$(cat "$work/zfs-version")" "$((SECONDS - began))" >"$work/about"
  mv "$work" "$IMAGE"
  say "the guest is ready: $((SECONDS - began)) s, $(du -sh --apparent-size "$IMAGE/base.qcow2" | cut -f1) disk, OpenZFS $(cat "$IMAGE/zfs-version")"
}
