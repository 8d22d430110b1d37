# shellcheck shell=bash
# Boots a guest on a throw-away disk, runs one folder of scripts in it, and believes only what the guest wrote.
# Needs: say.sh, image.sh (IMAGE). Everything here ends by itself: `timeout` holds qemu's process and kills that one.

# vm_accel: "kvm" when a kernel really boots with it, else "tcg,thread=multi". Asked once a run, kept in BACKOUT_VM_ACCEL.
vm_accel() {
  [ -n "${BACKOUT_VM_ACCEL:-}" ] && return 0
  local probe
  BACKOUT_VM_ACCEL=tcg,thread=multi
  if [ -w /dev/kvm ]; then
    # The device may exist and the guest hang all the same. With nothing to mount, a kernel that works panics within seconds.
    probe=$(mktemp -t backout-vm-kvm.XXXXXX)
    # In a shell of its own: what bash says of a killed child is no news.
    (timeout -k 2 10 qemu-system-x86_64 -accel kvm -cpu max -m 512 -nodefaults -no-user-config -display none -no-reboot \
      -kernel "$IMAGE/vmlinuz" -append 'console=ttyS0 panic=-1' -serial "file:$probe" </dev/null || true) >/dev/null 2>&1
    grep -q 'Unable to mount root fs' "$probe" && BACKOUT_VM_ACCEL=kvm
    rm -f "$probe"
  fi
  export BACKOUT_VM_ACCEL
  say "guests run with: $BACKOUT_VM_ACCEL"
}

# end_children [PID]: ends what this run started, guests included, from the leaves up; nothing else.
end_children() {
  local child
  for child in $(pgrep -P "${1:-$$}" || true); do
    end_children "$child"
    kill "$child" 2>/dev/null || true
  done
}

# How long a guest may take until its case begins, in seconds. It takes 10 to 20, on a busy machine 90. Without KVM a processor of
# the guest may lose its timer, and the boot hangs.
VM_BOOT_LIMIT=${BACKOUT_VM_BOOT_LIMIT:-300}

# Processors of a guest. Two guests run at once: where emulated processors are more than real ones, a guest takes twice as long.
VM_CPUS=${BACKOUT_VM_CPUS:-$(($(nproc) >= 4 ? 2 : 1))}

# vm_boots CONSOLE: has its case begun?
vm_boots() { grep -q -- '--- case .* begins' "$1" 2>/dev/null; }

# vm_watch_boot CONSOLE PID FILE: ends a guest whose case does not begin, and leaves FILE.
vm_watch_boot() {
  local begun=$SECONDS
  while kill -0 "$2" 2>/dev/null && ! vm_boots "$1"; do
    if [ $((SECONDS - begun)) -ge "$VM_BOOT_LIMIT" ]; then
      touch "$3"
      kill "$2"
      return 0
    fi
    sleep 1
  done
}

# vm_run --name NAME --folder DIR --out DIR [--limit SECONDS] [--from DISK] [--keep-disk FILE] [--append WORDS] [-- QEMU-ARGUMENT...]
#   DIR/run is run by bash in the guest as root, after multi-user.target, with DIR mounted read-only at /case.
#   OUT gets: console (all that the guest printed), result/ (what the guest left in /result), qemu.
#   --from       start from a disk that --keep-disk left, not from the image
#   --keep-disk  after a pass, keep the guest's disk as FILE, cleanly shut down
#   --follow yes show what the case prints while it runs
# Returns 0 if and only if the guest wrote "CASE NAME PASS".
vm_run() {
  local name='' folder='' out='' limit=600 from=$IMAGE/base.qcow2 keep='' append='' follow='' status verdict pid watcher attempt
  while [ $# -gt 0 ]; do
    case $1 in
      --) shift && break ;;
      --name) name=$2 ;;
      --folder) folder=$2 ;;
      --out) out=$2 ;;
      --limit) limit=$2 ;;
      --from) from=$2 ;;
      --keep-disk) keep=$2 ;;
      --append) append=$2 ;;
      --follow) follow=$2 ;;
      *) die "vm_run: unknown option $1" ;;
    esac
    shift 2
  done
  : "${name:?vm_run: --name is needed}" "${folder:?vm_run: --folder is needed}" "${out:?vm_run: --out is needed}"
  [ -f "$folder/run" ] || die "vm_run: $folder/run is missing"
  vm_accel
  mkdir -p "$out"
  for attempt in 1 2 3; do
    status=0 verdict=''
    rm -rf "$out"/{result,console,qemu,disk.qcow2,case.img,result.img,hung}
    mkdir "$out/result"
    vm_case_disk "$folder" "$out/case.img" || return 1
    truncate -s 512M "$out/result.img"
    qemu-img create -q -f qcow2 -F qcow2 -b "$from" "$out/disk.qcow2" || return 1
    # Whoever ends this shell ends the guest with it.
    vm_command "$out" "backout.case=$name backout.keep=${keep:+1} $append" "file=$out/disk.qcow2,format=qcow2,cache=unsafe,discard=unmap" "$@"
    setpriv --pdeathsig TERM timeout -k 5 "$limit" "${VM[@]}" </dev/null >"$out/qemu" 2>&1 &
    pid=$!
    vm_watch_boot "$out/console" "$pid" "$out/hung" &
    watcher=$!
    [ -z "$follow" ] || tail --pid="$pid" -s 0.2 -n +1 -F "$out/console" 2>/dev/null | sed -un 's/\r$//; /^--- case .* begins/,/^CASE /p' || true
    wait "$pid" || status=$?
    wait "$watcher" || true
    [ -e "$out/hung" ] || break
    say "$name: its case had not begun after $VM_BOOT_LIMIT s: the guest is ended (try $attempt of 3)"
  done
  # An untouched result disk is all zeros, which tar takes for an empty archive.
  tar -xf "$out/result.img" -C "$out/result" >>"$out/qemu" 2>&1 || true
  rm -f "$out/case.img" "$out/result.img"
  [ ! -f "$out/result/verdict" ] || verdict=$(cat "$out/result/verdict")
  if [ "$status" = 0 ] && [ "$verdict" = "CASE $name PASS" ]; then
    if [ -n "$keep" ]; then mv "$out/disk.qcow2" "$keep"; else rm -f "$out/disk.qcow2"; fi
    return 0
  fi
  case $status in
    0) [ -n "$verdict" ] || say "$name: the guest ended without a verdict" ;;
    124 | 137) say "$name: still running after $limit s, stopped" ;;
    *) say "$name: qemu ended with $status: $(tail -n 1 "$out/qemu")" ;;
  esac
  [ -n "${BACKOUT_VM_KEEP:-}" ] || rm -f "$out/disk.qcow2"
  return 1
}

# vm_command OUT WORDS ROOT [QEMU-ARGUMENT...]: sets VM to the command that boots the guest, with OUT/console, OUT/case.img and OUT/result.img; WORDS are added
# to the kernel's command line, ROOT says where the root disk is and how it is cached.
vm_command() {
  local out=$1 words=$2 root=$3
  shift 3
  # An older model has no wide registers, which are slow to emulate: `zfs list` takes two thirds of the time.
  local model=max
  [ "$BACKOUT_VM_ACCEL" = kvm ] || model=Nehalem
  # no_timer_check: on a busy host the emulated timer may be late, and the kernel would give up on it. What hardens a kernel costs a sixth of the time.
  VM=(qemu-system-x86_64 -accel "$BACKOUT_VM_ACCEL" -cpu "$model" -smp "$VM_CPUS" -m 2048
    -nodefaults -no-user-config -display none -no-reboot -serial "file:$out/console"
    -kernel "$IMAGE/vmlinuz" -initrd "$IMAGE/initrd.img"
    -append "root=/dev/vda rw console=ttyS0 quiet loglevel=4 panic=-1 no_timer_check mitigations=off nokaslr init_on_alloc=0 no5lvl nosmap nosmep hardened_usercopy=off apparmor=0 selinux=0 audit=0 net.ifnames=0 systemd.show_status=0 $words"
    -drive "$root,if=none,id=root" -device virtio-blk-pci,drive=root
    -drive "file=$out/case.img,format=raw,if=none,id=case,readonly=on" -device virtio-blk-pci,drive=case,serial=case
    -drive "file=$out/result.img,format=raw,if=none,id=result,cache=unsafe" -device virtio-blk-pci,drive=result,serial=result
    -device virtio-rng-pci "$@")
}

vm_case_disk() {
  local folder=$1 disk=$2 size
  size=$(($(du -sm --apparent-size "$folder" | cut -f1) * 5 / 4 + 16))
  mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$folder" "$disk" "${size}M" >/dev/null
}
