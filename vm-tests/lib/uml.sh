# shellcheck shell=bash
# Guests as User-Mode Linux: a kernel that is an ordinary process, several times as fast as emulation where there is no KVM. Its sources, and OpenZFS's, come
# from Debian's archive, the newest that fit each other; both are built once.
# Needs: say.sh, options.sh, deps.sh, apt.sh, image.sh (IMAGE, IMAGE_RECIPE). See machine.sh.

# shellcheck source=vm-tests/image/uml/kernel.sh
. "$(dirname "${BASH_SOURCE[0]}")/../image/uml/kernel.sh"

# uml_fits: can this host run it at all?
uml_fits() {
  [ "$(uname -m)" = x86_64 ] || { say "User-Mode Linux: only on amd64"; return 1; }
  install_uml
}

# uml_kernel_begin SUITE MIRROR: sets UML_KERNEL, the folder of the built kernel, and UML_COMMANDS, the source of OpenZFS's commands; what is not there is
# fetched now, and built in the background until uml_kernel_end.
uml_kernel_begin() {
  local suite=$1 mirror=$2 work
  UML_KERNEL_JOB=''
  UML_KERNEL=$(vm_cache)/kernel-$(cat "$IMAGE_RECIPE"/uml/{kernel.config,kernel.sh,patch-kernel.sh,patch-zfs.sh} | sha256sum | cut -c1-16)
  UML_COMMANDS=$UML_KERNEL/commands
  [ ! -d "$UML_KERNEL" ] || return 0
  work=$UML_KERNEL.building
  rm -rf "$work"
  mkdir -p "$work/done"
  say "looking for the newest kernel and OpenZFS that fit each other (Debian $suite, $suite-backports, sid)"
  apt_private "$work/apt" "$mirror $suite main contrib" "$mirror $suite-backports main contrib" "$mirror sid main contrib" \
    "deb-src $mirror $suite contrib" "deb-src $mirror $suite-backports contrib" "deb-src $mirror sid contrib"
  quietly "$UML_KERNEL.log" "${APT[@]}" update || return 1
  (uml_versions "$work") >>"$UML_KERNEL.log" 2>&1 || { say "nothing that fits: $UML_KERNEL.log"; return 1; }
  UML_COMMANDS=$work/done/commands
  mv "$work/zfs-commands" "$UML_COMMANDS"
  say "building $(cat "$work/linux-name") for User-Mode Linux, with OpenZFS $(cat "$work/zfs-version"): about 5 minutes, once; log: $UML_KERNEL.log"
  (uml_kernel_timed "$work" >>"$UML_KERNEL.log" 2>&1) &
  UML_KERNEL_JOB=$!
}

# uml_kernel_timed WORK: builds, and writes down what it took; the last lines of the log say it, too.
uml_kernel_timed() {
  local work=$1 began=$SECONDS
  (uml_kernel_build "$work" "$IMAGE_RECIPE/uml") || return 1
  # Not in a pipe: of this shell's children, user and system.
  times >"$work/times"
  printf 'seconds=%s\ncpu=%s\n' "$((SECONDS - began))" "$(tail -n 1 "$work/times")" | tee "$work/done/about"
}

# uml_kernel_end: waits for it.
uml_kernel_end() {
  [ -n "$UML_KERNEL_JOB" ] || return 0
  wait "$UML_KERNEL_JOB" || {
    say "the kernel for User-Mode Linux cannot be built: the end of $UML_KERNEL.log"
    tail -n 20 "$UML_KERNEL.log" | sed 's/^/    /' >&2
    rm -rf "$UML_KERNEL.building"
    return 1
  }
  mv "$UML_KERNEL.building/done" "$UML_KERNEL"
  say "the kernel is ready: $(paste -sd' ' "$UML_KERNEL/about")"
  rm -rf "$UML_KERNEL.building"
}

# uml_boots: with nothing to mount, a kernel that works panics within seconds.
uml_boots() {
  local console boots=1
  console=$(mktemp -t backout-vm-uml.XXXXXX)
  (timeout -k 2 20 "$IMAGE/linux" mem=64M con=null con0=null,fd:1 ssl=null seccomp=on panic=-1 root=/dev/none </dev/null >"$console" 2>&1 || true) 2>/dev/null
  if grep -q 'Unable to mount root fs' "$console"; then boots=0; else say "it does not boot: $(tail -n 1 "$console")"; fi
  rm -f "$console"
  return "$boots"
}

# uml_disk OUT NUMBER BLOCKDEV EXPORTED [BLOCKDEV]: a server for one disk of the guest, in GUEST_SERVERS; its device is added to DEVICES.
uml_disk() {
  local out=$1 socket=$SOCKETS/$2 node=$4 devices=()
  for device in "$3" "${@:5}"; do devices+=(--blockdev "$device"); done
  setpriv --pdeathsig KILL qemu-storage-daemon "${devices[@]}" \
    --export "type=vhost-user-blk,id=export,node-name=$node,addr.type=unix,addr.path=$socket,writable=on" </dev/null >>"$out/machine.log" 2>&1 &
  GUEST_SERVERS+=($!)
  for _ in $(seq 200); do [ -S "$socket" ] && break; sleep 0.05; done
  DEVICES+=("virtio_uml.device=$socket:2")
}

uml_start() {
  local out=$1 folder=$2 words=$3 disk=$4 DEVICES=() SOCKETS
  GUEST_SERVERS=()
  : >"$out/machine.log"
  # A path of a socket must be short.
  SOCKETS=$(mktemp -d -t backout-vm.XXXXXX)
  case $disk in
    # What a guest flushes stays in the host's cache: as long as the host lives, nothing is lost.
    file:*) uml_disk "$out" root "driver=file,node-name=file,filename=${disk#file:},cache.no-flush=on,discard=unmap" root \
      "driver=qcow2,node-name=root,file=file,cache.no-flush=on,discard=unmap" ;;
    cut:*)
      uml_disk "$out" root "driver=nbd,node-name=root,server.type=unix,server.path=${disk#cut:}" root
      words+=' backout.disk=write-back'
      ;;
  esac
  if [ "${5:-}" = pair ]; then
    uml_disk "$out" shared "driver=file,node-name=shared,filename=$8,cache.no-flush=on,locking=off" shared
    DEVICES+=("vec0:transport=bess,dst=$6/wire,mac=52:54:00:00:00:0$7")
  fi
  # In a mount namespace of its own: the guest's memory is a file below TMPDIR, and /mnt is what it sees of the host (hostfs).
  # shellcheck disable=SC2016
  setpriv --pdeathsig KILL unshare --mount --propagation private bash -euc '
    mount -t tmpfs -o size=2200m tmpfs /dev/shm
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/out /mnt/case
    mount --bind "$1" /mnt/out
    mount --bind "$2" /mnt/case
    shift 2
    exec "$@"' uml "$out" "$folder" env TMPDIR=/dev/shm "$IMAGE/linux" "uml_dir=$SOCKETS/" mem=2048M con=null con0=null,fd:1 ssl=null seccomp=on \
    root=/dev/vda rw "${DEVICES[@]}" quiet loglevel=4 panic=-1 net.ifnames=0 systemd.show_status=0 "backout.host=/mnt" "$words" </dev/null >"$out/console" 2>>"$out/machine.log" &
  GUEST=$!
  UML_SOCKETS=$SOCKETS
}

uml_result() {
  rm -rf "$UML_SOCKETS"
  [ ! -f "$1/result.img" ] || tar -xf "$1/result.img" -C "$1/result" >>"$1/machine.log" 2>&1 || true
  rm -f "$1/result.img"
}
