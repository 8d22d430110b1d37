# shellcheck shell=bash
# The guest: a root file system that is also the build root, its kernel, and a disk. Built once, then taken from the cache.
# Needs: say.sh, deps.sh, apt.sh, uml.sh, vm.sh. Sets IMAGE to the folder that holds the kernel and base.qcow2; $IMAGE.root is the build root.

IMAGE_RECIPE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../image" && pwd)
IMAGE_JOB=''

# image_hash KIND: changes when anything that the image is made of changes.
image_hash() {
  local other=uml
  [ "$1" != uml ] || other=debian
  {
    printf '%s\n' "$1"
    cd "$IMAGE_RECIPE" && find . -type f ! -path "./$other/*" -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-16
}

# shellcheck source=vm-tests/image/build.sh
. "$IMAGE_RECIPE/build.sh"

image_is_there() { [ -d "$IMAGE" ] && [ -d "$IMAGE.root" ]; }

# image_at KIND: sets IMAGE.
image_at() {
  IMAGE=$(vm_cache)/image-$(image_hash "$1")
  mkdir -p "$(vm_cache)"
}

# image KIND: makes sure that the image is there: 2.1 and 2.3 with Debian's kernel and that OpenZFS, `uml` with a kernel for User-Mode Linux.
image() {
  image_at "$1"
  ! image_is_there || return 0
  # Two runs at once build it once.
  (
    # Whatever was begun beside it ends with it.
    trap 'end_children "$BASHPID"' EXIT
    flock -w 3600 9 || die "another run has been building an image for an hour: see $(vm_cache)"
    image_is_there || { rm -rf "$IMAGE" && build_image "$1"; }
  ) 9>"$(vm_cache)/image.lock"
}

# image_begin KIND: the same, but returns as soon as the build root is there, and goes on in the background until image_ready.
image_begin() {
  IMAGE_JOB=''
  image_at "$1"
  ! image_is_there || return 0
  # What a run that was killed has left says nothing.
  (flock -n 9 && rm -rf --one-file-system "$IMAGE.building") 9>"$(vm_cache)/image.lock" || true
  image "$1" &
  IMAGE_JOB=$!
  until [ -e "$IMAGE.building/root-is-ready" ] || image_is_there; do
    kill -0 "$IMAGE_JOB" 2>/dev/null || { image_ready; return; }
    sleep 0.5
  done
}

# image_ready: waits for what image_begin began.
image_ready() {
  [ -z "$IMAGE_JOB" ] || wait "$IMAGE_JOB" || return 1
  IMAGE_JOB=''
  image_is_there
}
