# shellcheck shell=bash
# What the harness needs on the host. Installs what is missing with apt, says so, and leaves the host's apt sources as they are.
# Needs: say.sh, and bash 5.

# The same run as root: apt, chroot and mount need it.
become_root() {
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null || die "this needs root: run it as root, or install sudo"
  say "asking sudo for root (packages, chroot, mounts)"
  exec sudo env "HOME=$HOME" "PATH=$PATH" "BACKOUT_VM_CACHE=$(vm_cache)" \
    ${BACKOUT_DEBIAN_MIRROR:+"BACKOUT_DEBIAN_MIRROR=$BACKOUT_DEBIAN_MIRROR"} \
    ${RUSTUP_HOME:+"RUSTUP_HOME=$RUSTUP_HOME"} ${CARGO_HOME:+"CARGO_HOME=$CARGO_HOME"} \
    ${BACKOUT_CUTS:+"BACKOUT_CUTS=$BACKOUT_CUTS"} ${BACKOUT_SEED:+"BACKOUT_SEED=$BACKOUT_SEED"} ${BACKOUT_RANDOM_CUTS:+"BACKOUT_RANDOM_CUTS=$BACKOUT_RANDOM_CUTS"} \
    ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} "$@"
}

vm_cache() { printf '%s\n' "${BACKOUT_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/backout-vm}"; }

# The Debian archive to take the guest's packages from: a URI, printed. Security updates come from the same place with "-security".
debian_mirror() {
  local uri=${BACKOUT_DEBIAN_MIRROR:-}
  # shellcheck disable=SC2016  # $(REPO_URI) is apt's, not the shell's
  [ -n "$uri" ] || uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
  # Lists that were never fetched carry no origin; the sources themselves are there all the same.
  # shellcheck disable=SC2016
  [ -n "$uri" ] || [ "$(os_release ID)" != debian ] || uri=$(apt-get indextargets --format '$(SITE) $(REPO_URI)' 'Created-By: Packages' | awk '$2 ~ /\/debian\/?$/ { print $2; exit }')
  [ -n "$uri" ] || die "no Debian archive in this host's apt configuration: set BACKOUT_DEBIAN_MIRROR to the URI of one (the folder that holds dists/ and pool/) and start again"
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

install_deps() {
  local log want=()
  log=$(mktemp -t backout-vm-deps.XXXXXX)
  mapfile -t want < <(missing_packages | sort -u)
  if [ ${#want[@]} -gt 0 ]; then
    say "installing with apt: ${want[*]}"
    quietly "$log" apt-get update -q
    quietly "$log" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${want[@]}"
  fi
  command -v qemu-system-x86_64 >/dev/null || install_qemu "$log"
  rm -f "$log"
}

install_qemu() {
  local log=$1
  # A host whose qemu-utils came from backports wants the emulator from there too: the two share files.
  case $(dpkg-query -W -f '${Version}' qemu-utils 2>/dev/null) in
    *~bpo*) install_qemu_from_backports "$log" ;;
    *)
      say "installing with apt: qemu-system-x86"
      quietly "$log" apt-get update -q
      quietly "$log" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends qemu-system-x86
      ;;
  esac
}

# Backports through apt's own options: nothing of it stays in /etc/apt.
install_qemu_from_backports() {
  local log=$1 private codename mirror
  codename=$(os_release VERSION_CODENAME)
  mirror=$(debian_mirror)
  say "installing with apt, from $codename-backports: qemu-system-x86"
  private=$(mktemp -d -t backout-vm-apt.XXXXXX)
  mkdir -p "$private/lists/partial" "$private/sources.list.d"
  {
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$codename"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s-updates main\n' "$mirror" "$codename"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s-backports main\n' "$mirror" "$codename"
  } >"$private/sources.list"
  local apt=(apt-get -q -o "Dir::Etc::sourcelist=$private/sources.list" -o "Dir::Etc::sourceparts=$private/sources.list.d"
    -o "Dir::State::lists=$private/lists" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=")
  chmod -R a+rX "$private"
  quietly "$log" "${apt[@]}" update
  quietly "$log" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends -t "$codename-backports" qemu-system-x86
  rm -rf "$private"
}
