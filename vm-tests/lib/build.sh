# shellcheck shell=bash
# Cargo runs in the guest's own root file system, so that what it builds fits the guest's libc and libzfs whatever the host is.
# Needs: say.sh, deps.sh, image.sh (IMAGE). The root is mounted read-only in a mount namespace of its own: nothing of it is left behind.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Where the build root's target folder is on the host.
build_target() { printf '%s/target\n' "$(vm_cache)"; }

# Crates are fetched on the host, which has the network. A CARGO_HOME of our own, because root writes to it.
fetch_crates() {
  local home cache
  cache=$(vm_cache)
  home=$cache/cargo
  mkdir -p "$home"
  # A host that names its own source for crates keeps it.
  for file in config.toml config; do
    [ ! -f "${CARGO_HOME:-$HOME/.cargo}/$file" ] || cp "${CARGO_HOME:-$HOME/.cargo}/$file" "$home/$file"
  done
  quietly "$cache/fetch.log" env -C "$REPO" "CARGO_HOME=$home" timeout 600 cargo fetch --locked --target x86_64-unknown-linux-gnu
}

# built_here: every checkout is the same path to cargo, which goes by the times of files: it would take the program of another checkout for
# this one's. The lock is cargo's own: nothing is taken from under a build.
built_here() {
  local target
  target=$(build_target)
  [ "$(cat "$target/checkout" 2>/dev/null)" != "$REPO" ] || return 0
  mkdir -p "$target/debug"
  (
    flock -w 1800 9 || die "another checkout has been building for half an hour: see $target"
    rm -rf "$target"/{,*/}{debug,release}/.fingerprint/backout-*
    printf '%s\n' "$REPO" >"$target/checkout"
  ) 9>>"$target/debug/.cargo-lock"
}

# in_build_root CMD...: runs CMD in the build root, in the repository; time limit BUILD_LIMIT seconds (1800). The folder BUILD_ROOTS is /opt there.
in_build_root() {
  local rust cache
  cache=$(vm_cache)
  rust=$(cd "$REPO" && rustc --print sysroot) || die "no rustc: install Rust with rustup"
  [ "$rust" != /usr ] || die "Rust comes from the distribution and cannot be lent to the build root: install it with rustup"
  mkdir -p "$cache/cargo" "$cache/target"
  built_here || return 1
  # The script takes its values as arguments, so nothing of the command is read by a second shell.
  # shellcheck disable=SC2016
  timeout -k 10 "${BUILD_LIMIT:-1800}" unshare --mount --pid --fork --kill-child --propagation private \
    bash -euc '
      root=$1 repo=$2 target=$3 cargo=$4 rust=$5 roots=$6
      shift 6
      mount --bind "$root" "$root"
      mount --bind "$repo" "$root/build/src"
      mount --bind "$target" "$root/build/target"
      mount --bind "$cargo" "$root/build/cargo"
      mount --bind -o ro "$rust" "$root/build/rust"
      [ -z "$roots" ] || mount --bind "$roots" "$root/opt"
      mount -t tmpfs tmpfs "$root/tmp"
      mount -t tmpfs tmpfs "$root/run"
      mount -t proc proc "$root/proc"
      mount --rbind /dev "$root/dev"
      mount -o remount,ro,bind "$root"
      mkdir "$root/tmp/home"
      exec chroot "$root" /usr/bin/env -i HOME=/tmp/home TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 USER=root \
        PATH=/build/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin CARGO_HOME=/build/cargo CARGO_TARGET_DIR=/build/target \
        CARGO_NET_OFFLINE=true env -C /build/src "$@"
    ' in_build_root "$IMAGE.root" "$REPO" "$(build_target)" "$cache/cargo" "$rust" "${BUILD_ROOTS:-}" "$@"
}
