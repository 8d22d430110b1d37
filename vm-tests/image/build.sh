# shellcheck shell=bash
# build_image KIND: makes the guest in $IMAGE and its build root in $IMAGE.root, each all or nothing. Sourced by lib/image.sh.

build_image() {
  local kind=$1 old=bookworm new=trixie mirror work log began=$SECONDS packages
  mirror=$(debian_mirror) || return 1
  work=$IMAGE.building
  log=$IMAGE.log
  rm -rf --one-file-system "$work" "$IMAGE.root" "$IMAGE.root.building"
  mkdir -p "$work"
  local sources=("deb $mirror $old main contrib" "deb $mirror $old-updates main contrib" "deb $mirror-security $old-security main contrib") hooks=() part=debian
  case $kind in
    2.1 | 2.3)
      hooks+=("--customize-hook=chroot \"\$1\" /bin/bash /root/debian/configure.sh")
      ;;
    uml)
      part=uml
      uml_kernel_begin "$new" "$mirror" || return 1
      hooks+=("--customize-hook=mkdir -p \"\$1\"/build/zfs && tar -xf '$UML_COMMANDS' -C \"\$1\"/build/zfs --strip-components=1"
        "--customize-hook=chroot \"\$1\" /bin/bash /root/uml/userland.sh")
      ;;
    *) die "no recipe for a guest of the kind $kind" ;;
  esac
  if [ "$kind" = 2.3 ]; then
    sources+=("deb $mirror $old-backports main contrib")
    printf 'Package: linux-image-* linux-headers-* linux-kbuild-* src:linux src:linux-signed-amd64 src:zfs-linux\nPin: release n=%s-backports\nPin-Priority: 900\n' "$old" >"$work/backports"
    hooks=("--setup-hook=mkdir -p \"\$1\"/etc/apt/preferences.d && cp '$work/backports' \"\$1\"/etc/apt/preferences.d/backports" "${hooks[@]}")
  fi
  packages=$(cat "$IMAGE_RECIPE/packages" "$IMAGE_RECIPE/$part/packages" | grep -v '^#' | paste -sd,)
  say "building the guest's system (Debian $old); log: $log"
  # What it mounts is gone with it, also when it is killed.
  quietly "$log" unshare --mount --propagation private mmdebstrap --mode=root --variant=minbase --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt=force-confold --dpkgopt=force-unsafe-io --skip=cleanup/apt/lists \
    --customize-hook="sync-in '$IMAGE_RECIPE/files' /" \
    --customize-hook="sync-in '$IMAGE_RECIPE/$part/files' /" \
    --customize-hook="cp -r '$IMAGE_RECIPE'/*.sh '$IMAGE_RECIPE/$part' \"\$1\"/root/" \
    "${hooks[@]}" \
    --customize-hook="chroot \"\$1\" /bin/bash /root/configure.sh" \
    --customize-hook="cp -ax \"\$1\" '$IMAGE.root.building' && mkdir -p '$IMAGE.root.building'/build/src '$IMAGE.root.building'/build/target '$IMAGE.root.building'/build/cargo '$IMAGE.root.building'/build/rust && mv '$IMAGE.root.building' '$IMAGE.root' && touch '$work/root-is-ready'" \
    --customize-hook="chroot \"\$1\" /bin/bash /root/trim.sh" \
    --customize-hook="chroot \"\$1\" /bin/bash /root/repositories.sh $old $new '$mirror'" \
    "$old" "$work/guest" "${sources[@]}" || return 1
  # mmdebstrap leaves it to the first boot; each boot of a case is one.
  printf '0123456789abcdef0123456789abcdef\n' >"$work/guest/etc/machine-id"
  if [ "$kind" = uml ]; then
    uml_kernel_end || return 1
    cp "$UML_KERNEL"/{linux,kernel-version,zfs-version,commands-version} "$work/"
    tar -C "$UML_KERNEL/modules" -cf - lib | tar -C "$work/guest" -xf - --keep-directory-symlink || return 1
  else
    cp "$work"/guest/boot/vmlinuz-* "$work/vmlinuz"
    cp "$work"/guest/boot/initrd.img-* "$work/initrd.img"
    find "$work/guest/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n' | sed 's/-.*//' >"$work/kernel-version"
    sed 's/-.*//' "$work/guest/etc/backout-zfs-version" | tee "$work/zfs-version" >"$work/commands-version"
  fi
  say "making its disk"
  quietly "$log.disk" mke2fs -q -t ext4 -d "$work/guest" "$work/base.raw" 6G || return 1
  quietly "$log.disk" qemu-img convert -O qcow2 "$work/base.raw" "$work/base.qcow2" || return 1
  rm -rf "$work/guest"
  rm -f "$work/base.raw" "$work/backports" "$log.disk"
  printf 'mirror=%s\nseconds=%s\n' "$mirror" "$((SECONDS - began))" >"$work/about"
  mv "$work" "$IMAGE"
  say "the guest is ready: $((SECONDS - began)) s, $(du -sh --apparent-size "$IMAGE/base.qcow2" | cut -f1) disk, Linux $(cat "$IMAGE/kernel-version"), OpenZFS $(cat "$IMAGE/zfs-version") (its commands: $(cat "$IMAGE/commands-version"))"
}
