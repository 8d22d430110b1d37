# shellcheck shell=bash
# Packages that the image lacks, for a stage whose head names them (`packages: ...`). Fetched once, from the archive that the image came from, and kept in the
# cache: guests have no way out.
# Needs: say.sh, deps.sh, apt.sh, image.sh (IMAGE).

# packages_folder NAME[/SUITE]...: prints a folder that holds the packages, and all that they need beyond what the image has. Those of another suite, as an
# upgrade to it would fetch them, are in a folder of its name.
packages_folder() {
  local cache folder
  cache=$(vm_cache)
  folder=$cache/packages-$({ basename "$IMAGE" && printf '%s\n' "$@" && cat "${BASH_SOURCE[0]}"; } | sha256sum | cut -c1-16)
  (
    flock -w 3600 9
    [ -d "$folder" ] || packages_fetch "$folder" "$@"
  ) 9>"$cache/packages.lock" || return 1
  printf '%s\n' "$folder"
}

# packages_fetch FOLDER NAME...: with apt options alone: nothing of it stays on the host but FOLDER.
packages_fetch() {
  local folder=$1 work=$1.new mirror suite name other own=() others=() APT APT_CACHE
  shift
  for name in "$@"; do case $name in */*) others+=("$name") ;; *) own+=("$name") ;; esac done
  say "fetching packages for guests: $*"
  mirror=$(debian_mirror) || return 1
  suite=$(sed -n 's/^VERSION_CODENAME=//p' "$IMAGE.root/etc/os-release")
  rm -rf "$work"
  other=${others[0]:-}
  other=${other#*/}
  apt_private "$work" "$mirror $suite main contrib" "$mirror $suite-updates main" "$mirror-security $suite-security main" ${other:+"$mirror $other main"}
  # What the guest has stands on its disk, an ext4 without partitions; the build root has more.
  qemu-img convert -O raw "$IMAGE/base.qcow2" "$work/disk" && debugfs -R "dump /var/lib/dpkg/status $work/status" "$work/disk" 2>"$work/log" || return 1
  rm -f "$work/disk"
  [ -s "$work/status" ] || { say "the guest's list of packages cannot be read: $work/log"; return 1; }
  quietly "$work/log" "${APT[@]}" update || return 1
  quietly "$work/log" "${APT[@]}" install -y --download-only --target-release "$suite" "${own[@]}" || return 1
  mkdir "$work/done" && mv "$work"/archives/*.deb "$work/done/" || return 1
  if [ -n "$other" ]; then
    quietly "$work/log" "${APT[@]}" install -y --download-only --target-release "$other" "${others[@]%/*}" || return 1
    mkdir "$work/done/$other" && mv "$work"/archives/*.deb "$work/done/$other/" || return 1
  fi
  mv "$work/done" "$folder" && rm -rf "$work"
}
