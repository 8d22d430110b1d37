# shellcheck shell=bash
# The guest: a root file system that is also the build root, its kernel and initrd, and a disk. Built once, then taken from the cache.
# Needs: say.sh, deps.sh. Sets IMAGE to the folder that holds build-root/, vmlinuz, initrd.img and base.qcow2.

IMAGE_RECIPE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../image" && pwd)

# image_hash ZFS: changes when anything that the image is made of changes.
image_hash() {
  {
    printf '%s\n' "$1"
    cd "$IMAGE_RECIPE" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-16
}

# shellcheck source=vm-tests/image/build.sh
. "$IMAGE_RECIPE/build.sh"

# image ZFS: makes sure that the image is there.
image() {
  local zfs=$1 cache
  cache=$(vm_cache)
  mkdir -p "$cache"
  IMAGE=$cache/image-$(image_hash "$zfs")
  [ -d "$IMAGE" ] && return 0
  # Two runs at once build it once.
  exec 9>"$cache/image.lock"
  flock -w 3600 9 || die "another run has been building an image for an hour: see $cache"
  if [ ! -d "$IMAGE" ]; then build_image "$zfs"; fi
  exec 9>&-
}
