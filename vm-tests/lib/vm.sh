# shellcheck shell=bash
# Boots a guest on a throw-away disk, runs one folder of scripts in it, and believes only what the guest wrote.
# Needs: say.sh, options.sh, image.sh (IMAGE), machine.sh. Everything here ends by itself: a guest dies with the shell that started it.

# end_children [PID]: ends what this run started, guests included, from the leaves up; nothing else.
end_children() {
  local child
  for child in $(pgrep -P "${1:-$$}" || true); do
    end_children "$child"
    kill "$child" 2>/dev/null || true
  done
}

# vm_boots CONSOLE: has its case begun?
vm_boots() { grep -q -- '--- case .* begins' "$1" 2>/dev/null; }

# vm_end: takes the power away from the guest that machine_start has started.
vm_end() {
  kill -KILL "$GUEST" 2>/dev/null || true
  wait "$GUEST" 2>/dev/null || true
}

# vm_watch CONSOLE LIMIT: waits for the guest's end. Returns 1 when its case did not begin in time, 2 when it was not through after LIMIT seconds, 3 when it was
# off but its process did not leave; it is ended then.
vm_watch() {
  local began=$SECONDS down=''
  while kill -0 "$GUEST" 2>/dev/null; do
    # The kernel has nothing more to do, and now and then a User-Mode Linux does not leave.
    if grep -q '^reboot: Power down' "$1" 2>/dev/null; then
      down=${down:-$SECONDS}
      [ $((SECONDS - down)) -lt 5 ] || { vm_end && return 3; }
    fi
    if [ $((SECONDS - began)) -ge "$BOOT_LIMIT" ] && ! vm_boots "$1"; then
      vm_end
      return 1
    fi
    if [ $((SECONDS - began)) -ge "$2" ]; then
      vm_end
      return 2
    fi
    sleep 0.2
  done
}

# vm_follow CONSOLE PID: prints what the case prints, until PID has ended.
vm_follow() { tail --pid="$2" -s 0.2 -n +1 -F "$1" 2>/dev/null | sed -un 's/\r$//; /^--- case .* begins/,/^CASE /p' || true; }

# vm_run --name NAME --folder DIR --out DIR [--limit SECONDS] [--from DISK] [--keep-disk FILE] [--append WORDS] [--size SIZE] [--pair SOCKETS NODE SHARED]
#   DIR/run is run by bash in the guest as root, after multi-user.target, with DIR mounted read-only at /case.
#   OUT gets: console (all that the guest printed), result/ (what the guest left in /result), machine.log.
#   --from       start from a disk that --keep-disk left, not from the image
#   --keep-disk  after a pass, keep the guest's disk as FILE, cleanly shut down
#   --size SIZE  the disk is so large; the case itself lets its file system grow
#   --follow yes show what the case prints while it runs
# Returns 0 if and only if the guest wrote "CASE NAME PASS".
vm_run() {
  local name='' folder='' out='' limit=600 from=$IMAGE/base.qcow2 keep='' append='' follow='' size=() pair=() ended verdict attempt reader
  local GUEST GUEST_SERVERS=()
  while [ $# -gt 0 ]; do
    case $1 in
      --name) name=$2 ;;
      --folder) folder=$2 ;;
      --out) out=$2 ;;
      --limit) limit=$2 ;;
      --from) from=$2 ;;
      --keep-disk) keep=$2 ;;
      --append) append=$2 ;;
      --follow) follow=$2 ;;
      --size) [ -z "$2" ] || size=("$2") ;;
      --pair) pair=(pair "$2" "$3" "$4") && shift 2 ;;
      *) die "vm_run: unknown option $1" ;;
    esac
    shift 2
  done
  : "${name:?vm_run: --name is needed}" "${folder:?vm_run: --folder is needed}" "${out:?vm_run: --out is needed}"
  [ -f "$folder/run" ] || die "vm_run: $folder/run is missing"
  mkdir -p "$out"
  for attempt in 1 2 3; do
    ended=0 verdict=''
    rm -rf "$out"/{result,console,machine.log,disk.qcow2,case.img,result.img}
    mkdir "$out/result"
    qemu-img create -q -f qcow2 -F qcow2 -b "$from" "$out/disk.qcow2" "${size[@]}" || return 1
    machine_start "$out" "$folder" "backout.case=$name backout.keep=${keep:+1} $append" "file:$out/disk.qcow2" "${pair[@]}" || return 1
    reader=''
    if [ -n "$follow" ]; then
      vm_follow "$out/console" "$GUEST" &
      reader=$!
    fi
    vm_watch "$out/console" "$limit" || ended=$?
    case $ended in
      # What bash says of a killed child is no news.
      0) wait "$GUEST" 2>/dev/null || ended=$((100 + $?)) ;;
      3) ended=0 ;;
    esac
    [ -z "$reader" ] || wait "$reader" || true
    machine_servers_end
    machine_result "$out"
    [ "$ended" = 1 ] || break
    say "$name: its case had not begun after $BOOT_LIMIT s: the guest is ended (try $attempt of 3)"
  done
  [ ! -f "$out/result/verdict" ] || verdict=$(cat "$out/result/verdict")
  if [ "$ended" = 0 ] && [ "$verdict" = "CASE $name PASS" ]; then
    if [ -n "$keep" ]; then mv "$out/disk.qcow2" "$keep"; else rm -f "$out/disk.qcow2"; fi
    return 0
  fi
  case $ended in
    0) [ -n "$verdict" ] || say "$name: the guest ended without a verdict" ;;
    1) ;;
    2) say "$name: still running after $limit s, stopped" ;;
    *) say "$name: the machine ended with $((ended - 100)): $(tail -n 1 "$out/machine.log")" ;;
  esac
  [ -n "$KEEP" ] || rm -f "$out/disk.qcow2"
  return 1
}
