# shellcheck shell=bash
# Which machine guests run on: KVM, User-Mode Linux or emulation (TCG). A backend (qemu.sh, uml.sh) has these functions, called with its name in front:
#   BACKEND_start OUT FOLDER WORDS DISK [pair SOCKETS NODE SHARED]
#     boots a guest with FOLDER as its /case, WORDS on the kernel's command line, and the root disk `file:QCOW2` (fast, forgets nothing) or `cut:SOCKET` (an
#     NBD server whose cache a power cut empties). What the guest prints goes to OUT/console, what the programs here say to OUT/machine.log. Sets GUEST (the
#     process that ends when the guest does) and GUEST_SERVERS (processes beside it).
#   BACKEND_result OUT: unpacks what the guest has left into OUT/result.
# Needs: say.sh, options.sh, deps.sh, image.sh, qemu.sh, uml.sh.

backend() { if [ "$MACHINE" = uml ]; then echo uml; else echo qemu; fi; }
machine_start() { "$(backend)_start" "$@"; }
machine_result() { "$(backend)_result" "$@"; }

# machine_servers_end: what served the disks of a guest that has ended.
machine_servers_end() {
  local server
  for server in "${GUEST_SERVERS[@]}"; do kill "$server" 2>/dev/null || true; done
  for server in "${GUEST_SERVERS[@]}"; do wait "$server" 2>/dev/null || true; done
  GUEST_SERVERS=()
}

# machine_about: one line about what guests run on, for results.
machine_about() { printf '%s, Linux %s, OpenZFS %s\n' "$MACHINE" "$(cat "$IMAGE/kernel-version")" "$(cat "$IMAGE/zfs-version")"; }

# On a full disk each step would fail in its own way.
machine_room() {
  local free least=8000
  mkdir -p "$(vm_cache)"
  free=$(df --output=avail --block-size=1M "$(vm_cache)" | tail -n 1 | tr -dc 0-9)
  [ "$free" -ge "$least" ] ||
    die "$free MB are free for $(vm_cache), and the guests need $least. Free some space, or name another folder with --cache DIR"
}

# machine_prepare CMD...: chooses the machine and makes its image; CMD runs once there is a build root, beside what is still to be built.
machine_prepare() {
  machine_room
  local wanted=$MACHINE beside=("$@")
  if [ -z "$wanted" ] && kvm_runs; then MACHINE=kvm; fi
  if [ "$MACHINE" = kvm ] || [ "$MACHINE" = tcg ] || [ -n "$ZFS" ]; then
    MACHINE=${MACHINE:-tcg}
    machine_prepare_qemu
    # A processor that runs is not a kernel that boots.
    if [ "$MACHINE" != kvm ] || kvm_boots; then
      say "guests run on: $(machine_about)"
      return 0
    fi
    [ "$wanted" != kvm ] || die "no kernel boots with KVM on this host"
    say "no kernel boots with KVM on this host"
    MACHINE=''
    if [ -n "$ZFS" ]; then
      MACHINE=tcg
      say "guests run on: $(machine_about)"
      return 0
    fi
  fi
  MACHINE=uml
  if uml_fits && image_begin uml && machine_beside && image_ready && uml_boots; then
    say "guests run on: $(machine_about)"
    return 0
  fi
  [ "$wanted" != uml ] || die "User-Mode Linux cannot be built or does not boot here"
  say "User-Mode Linux cannot be built or does not boot here: on with emulation, which takes about four times as long"
  MACHINE=tcg
  machine_prepare_qemu
  say "guests run on: $(machine_about)"
}

machine_prepare_qemu() {
  install_qemu
  image_begin "${ZFS:-2.1}" || die "the guest cannot be built"
  machine_beside || return 1
  image_ready || die "the guest cannot be built"
}

# machine_beside: runs what machine_prepare was given, once.
machine_beside() {
  [ ${#beside[@]} -gt 0 ] || return 0
  local command=("${beside[@]}")
  beside=()
  # One run builds at a time: the build of another one would replace what this one tests.
  local status=0
  exec 8>"$(vm_cache)/build.lock"
  flock -n 8 || {
    say "waiting for another run to build"
    flock -w 7200 8 || die "another run has been building for two hours"
  }
  "${command[@]}" || status=$?
  exec 8>&-
  return "$status"
}

# machine_tcg: from here on in this shell guests are emulated, whatever the others run on.
machine_tcg() {
  MACHINE=tcg
  install_qemu
  image "${ZFS:-2.1}"
}
