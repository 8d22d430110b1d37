# shellcheck shell=bash
# What the harness needs on the host. Installs what is missing with apt, says so, and leaves the host's apt sources as they are.
# Needs: say.sh, options.sh, apt.sh, and bash 5.

# The same run as root: apt, chroot and mount need it. The words of the command line come along.
become_root() {
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null || die "this needs root: run it as root, or install sudo"
  say "asking sudo for root (packages, chroot, mounts)"
  exec sudo env "HOME=$HOME" "PATH=$PATH" ${XDG_CACHE_HOME:+"XDG_CACHE_HOME=$XDG_CACHE_HOME"} \
    ${RUSTUP_HOME:+"RUSTUP_HOME=$RUSTUP_HOME"} ${CARGO_HOME:+"CARGO_HOME=$CARGO_HOME"} \
    ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} "$@"
}

vm_cache() { printf '%s\n' "${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/backout-vm}"; }

# The Debian archive to take the guest's packages from: a URI, printed. Security updates come from the same place with "-security".
debian_mirror() {
  local uri=$MIRROR
  # shellcheck disable=SC2016  # $(REPO_URI) is apt's, not the shell's
  [ -n "$uri" ] || uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
  # Lists that were never fetched carry no origin; the sources themselves are there all the same.
  # shellcheck disable=SC2016
  [ -n "$uri" ] || [ "$(os_release ID)" != debian ] || uri=$(apt-get indextargets --format '$(SITE) $(REPO_URI)' 'Created-By: Packages' | awk '$2 ~ /\/debian\/?$/ { print $2; exit }')
  [ -n "$uri" ] || die "no Debian archive in this host's apt configuration: give the URI of one with --mirror (the folder that holds dists/ and pool/)"
  printf '%s\n' "${uri%/}"
}

# shellcheck disable=SC1091
os_release() { (. /etc/os-release && eval "printf '%s\n' \"\${$1:-}\""); }

missing_packages() {
  local pair
  for pair in mmdebstrap:mmdebstrap mke2fs:e2fsprogs flock:util-linux cc:gcc \
    nbdkit:nbdkit qemu-img:qemu-utils timeout:coreutils setpriv:util-linux pgrep:procps tar:tar; do
    command -v "${pair%%:*}" >/dev/null || printf '%s\n' "${pair#*:}"
  done
  [ -e /usr/include/stdlib.h ] || printf 'libc6-dev\n'
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || printf 'debian-archive-keyring\n'
}

# install_packages PACKAGE...: what is missing, with the host's own apt.
install_packages() {
  local log
  [ $# -gt 0 ] || return 0
  log=$(mktemp -t backout-vm-deps.XXXXXX)
  say "installing with apt: $*"
  quietly "$log" apt-get update -q
  quietly "$log" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
  rm -f "$log"
}

install_deps() {
  local want=()
  mapfile -t want < <(missing_packages | sort -u)
  install_packages "${want[@]}"
}

# install_uml: what building a kernel and running it needs. A C compiler and the servers of disks are there already.
install_uml() {
  local pair want=()
  for pair in make:make flex:flex bison:bison bc:bc m4:m4 depmod:kmod xz:xz-utils strip:binutils perl:perl qemu-storage-daemon:qemu-utils; do
    command -v "${pair%%:*}" >/dev/null || want+=("${pair#*:}")
  done
  install_packages "${want[@]}"
  command -v qemu-storage-daemon >/dev/null || { say "this host's qemu-utils has no qemu-storage-daemon"; return 1; }
}

install_qemu() {
  command -v qemu-system-x86_64 >/dev/null && return 0
  # A host whose qemu-utils came from backports wants the emulator from there too: the two share files.
  case $(dpkg-query -W -f '${Version}' qemu-utils 2>/dev/null) in
    *~bpo*) install_qemu_from_backports ;;
    *) install_packages qemu-system-x86 ;;
  esac
}

# Backports through apt's own options: nothing of it stays in /etc/apt.
install_qemu_from_backports() {
  local log private codename mirror APT APT_CACHE
  codename=$(os_release VERSION_CODENAME)
  mirror=$(debian_mirror)
  say "installing with apt, from $codename-backports: qemu-system-x86"
  log=$(mktemp -t backout-vm-deps.XXXXXX)
  private=$(mktemp -d -t backout-vm-apt.XXXXXX)
  apt_private "$private" "$mirror $codename main" "$mirror $codename-updates main" "$mirror $codename-backports main"
  APT+=(-o Dir::State::status=/var/lib/dpkg/status -o Dir::State::extended_states=/var/lib/apt/extended_states)
  quietly "$log" "${APT[@]}" update
  quietly "$log" env DEBIAN_FRONTEND=noninteractive "${APT[@]}" install -y -t "$codename-backports" qemu-system-x86
  rm -rf "$private" "$log"
}
