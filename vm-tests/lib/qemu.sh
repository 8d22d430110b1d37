# shellcheck shell=bash
# Guests in qemu, with KVM or emulated (TCG): Debian's own kernel and OpenZFS.
# Needs: say.sh, options.sh, image.sh (IMAGE). See machine.sh.

# kvm_runs: does the processor execute anything with KVM? The device may exist and a guest hang all the same.
kvm_runs() {
  [ -w /dev/kvm ] || return 1
  install_qemu
  local sector status=0
  sector=$(mktemp -t backout-vm-kvm.XXXXXX)
  # A boot sector that writes 33 to the port at which qemu ends, with twice that and one.
  { printf '\xb0\x21\xe6\xf4\xf4\xeb\xfd' && head -c 503 /dev/zero && printf '\x55\xaa'; } >"$sector"
  # In a shell of its own: what bash says of a killed child is no news.
  (timeout -k 2 10 qemu-system-x86_64 -accel kvm -m 32 -nodefaults -no-user-config -display none -device isa-debug-exit,iobase=0xf4,iosize=4 \
    -drive "file=$sector,format=raw,if=ide,readonly=on" </dev/null >/dev/null 2>&1) 2>/dev/null || status=$?
  rm -f "$sector"
  [ "$status" = 67 ] || { say "/dev/kvm is there, but nothing runs with it"; return 1; }
}

# kvm_boots: with nothing to mount, a kernel that works panics within seconds.
kvm_boots() {
  local console boots=1
  console=$(mktemp -t backout-vm-kvm.XXXXXX)
  (timeout -k 2 20 qemu-system-x86_64 -accel kvm -cpu max -m 512 -nodefaults -no-user-config -display none -no-reboot \
    -kernel "$IMAGE/vmlinuz" -append 'console=ttyS0 panic=-1' -serial "file:$console" </dev/null || true) >/dev/null 2>&1
  ! grep -q 'Unable to mount root fs' "$console" || boots=0
  rm -f "$console"
  return "$boots"
}

qemu_start() {
  local out=$1 folder=$2 words=$3 disk=$4 root accel=tcg,thread=multi model=Nehalem pair=()
  # An older model has no wide registers, which are slow to emulate: `zfs list` takes two thirds of the time.
  [ "$MACHINE" != kvm ] || accel=kvm model=max
  case $disk in
    file:*) root="file=${disk#file:},format=qcow2,cache=unsafe,discard=unmap" ;;
    cut:*) root="file=nbd:unix:${disk#cut:},format=raw,cache=writeback" ;;
  esac
  if [ "${5:-}" = pair ]; then
    # The host's page cache is the one place where both see the disk's blocks; that is enough while the host lives.
    pair=(-netdev "dgram,id=net,local.type=unix,local.path=$6/$7,remote.type=unix,remote.path=$6/$((3 - $7))"
      -device "virtio-net-pci,netdev=net,mac=52:54:00:00:00:0$7,romfile="
      -drive "file=$8,format=raw,if=none,id=shared,cache=unsafe,file.locking=off"
      -device virtio-blk-pci,drive=shared,serial=shared,share-rw=on)
  fi
  qemu_case_disk "$folder" "$out/case.img" || return 1
  truncate -s 512M "$out/result.img"
  # no_timer_check: on a busy host the emulated timer may be late, and the kernel would give up on it. What hardens a kernel costs a sixth of the time.
  GUEST_SERVERS=()
  setpriv --pdeathsig KILL qemu-system-x86_64 -accel "$accel" -cpu "$model" -smp "$CPUS" -m 2048 \
    -nodefaults -no-user-config -display none -no-reboot -serial "file:$out/console" \
    -kernel "$IMAGE/vmlinuz" -initrd "$IMAGE/initrd.img" \
    -append "root=/dev/vda rw console=ttyS0 quiet loglevel=4 panic=-1 no_timer_check mitigations=off nokaslr init_on_alloc=0 no5lvl nosmap nosmep hardened_usercopy=off apparmor=0 selinux=0 audit=0 net.ifnames=0 systemd.show_status=0 $words" \
    -drive "$root,if=none,id=root" -device virtio-blk-pci,drive=root \
    -drive "file=$out/case.img,format=raw,if=none,id=case,readonly=on" -device virtio-blk-pci,drive=case,serial=case \
    -drive "file=$out/result.img,format=raw,if=none,id=result,cache=unsafe" -device virtio-blk-pci,drive=result,serial=result \
    -device virtio-rng-pci "${pair[@]}" </dev/null >"$out/machine.log" 2>&1 &
  GUEST=$!
}

qemu_case_disk() {
  local folder=$1 disk=$2 size
  size=$(($(du -sm --apparent-size "$folder" | cut -f1) * 5 / 4 + 16))
  mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$folder" "$disk" "${size}M" >/dev/null
}

# An untouched result disk is all zeros, which tar takes for an empty archive.
qemu_result() {
  tar -xf "$1/result.img" -C "$1/result" >>"$1/machine.log" 2>&1 || true
  rm -f "$1/case.img" "$1/result.img"
}
