# shellcheck shell=bash
# Full disks and pools. What the functions note goes to /run, which is in memory.
# Needs: backout.sh.

# fill FOLDER: leaves not a block of its file system.
fill() {
  local size number
  mkdir -p "$1/filler"
  for size in 1G 128M 16M 1M 64K 4K 1K; do
    number=0
    while fallocate -l "$size" "$1/filler/$size.$number" 2>/dev/null; do number=$((number + 1)); done
    rm -f "$1/filler/$size.$number"
  done
}

# empty FOLDER: the room that `fill` took.
empty() { rm -rf "$1/filler"; }

# said_why STATUS WORDS: /run/said is an error with a cause of these words, what is true and what to type, and the status is 1; `status` shows the same.
said_why() {
  local status=$1 words=$2
  sed 's/^/    | /' /run/said
  [ "$status" = 1 ] || { echo "exit status $status, expected 1" >&2; return 1; }
  grep -E "$words" /run/said >/dev/null || { echo "it does not say: $words" >&2; return 1; }
  grep -F '  now: ' /run/said >/dev/null && grep -F '  next: ' /run/said >/dev/null
}

# full_everywhere VERB...: each write of the tool fails once, half done, as on a full disk; begun and resumed until it is through.
full_everywhere() {
  local status=1 failures=0 next places=(--full-log /run/full-places)
  : >/run/full-places
  while [ "$status" != 0 ]; do
    [ "$failures" -lt 400 ] || { echo "no end" >&2; return 1; }
    next=resume
    # A procedure whose plan could not be written is not begun.
    if backout status >/dev/null; then next="$* --yes"; fi
    status=0
    # shellcheck disable=SC2086
    backout "${places[@]}" $next >/run/said 2>&1 || status=$?
    [ "$status" != 6 ] || { grep -F 'it was tried' /run/said && status=0 && backout "${places[@]}" resume --try-again >/run/said 2>&1 || status=$?; }
    [ "$status" != 0 ] || break
    said_why "$status" 'No space left on device' >/run/why 2>&1 || { cat /run/why; return 1; }
    failures=$((failures + 1))
  done
  cat /run/why
  echo "failed $failures times: $(tr '\n' ' ' </run/full-places)"
  [ "$failures" -gt 15 ]
  [ "$(wc -l </run/full-places)" -ge "$failures" ]
  fault "no room for a write of $1" resumed "$failures"
}

# full_at_every_point FOLDER VERB...: killed at every point; there the disk is filled to the brim, and a resume goes on to the next point, or fails and says
# why; then there is room again.
full_at_every_point() {
  local folder=$1 status=0 on=0 failed=0 points=(--crash-log /run/crash-points)
  shift
  : >/run/crash-points
  backout "${points[@]}" "$@" --yes >/run/said 2>&1 || status=$?
  while [ "$status" = 137 ]; do
    [ $((on + failed)) -lt 300 ] || { echo "no end" >&2; return 1; }
    fill "$folder"
    status=0
    backout "${points[@]}" resume >/run/said 2>&1 || status=$?
    # Killed at its last point, it was through.
    if [ "$status" = 2 ] && grep -F 'there is nothing to resume' /run/said >/dev/null; then status=0; fi
    case $status in
      0 | 137) on=$((on + 1)) ;;
      *)
        said_why "$status" '[Nn]o space left|enough (free )?space|out of space' || { df "$folder"; empty "$folder"; return 1; }
        failed=$((failed + 1))
        expect 4 backout status >/dev/null
        empty "$folder"
        status=0
        backout "${points[@]}" resume >/run/said 2>&1 || status=$?
        ;;
    esac
    empty "$folder"
  done
  [ "$status" = 0 ] || { cat /run/said; return 1; }
  echo "went on $on times, failed $failed times: $(tr '\n' ' ' </run/crash-points)"
  [ "$failed" -gt 3 ]
  fault "disk full at a point of $1" resumed $((on + failed))
}

# fill_pool: leaves not a block of tank, through the dataset tank/filler at /srv/fill.
fill_pool() {
  local size round
  # What ZFS holds back until the next sync comes free after it.
  for round in $(seq 20); do
    for size in 1M 128k 8k 512; do
      dd if=/dev/urandom of="/srv/fill/$size.$round" bs="$size" conv=fsync 2>/dev/null || true
    done
    zpool sync tank
    [ "$(zfs get -Hp -o value available tank)" != 0 ] || break
  done
  zfs list -o name,used,avail tank
  [ "$(zfs get -Hp -o value available tank)" = 0 ]
}

# empty_pool: the room that `fill_pool` took.
empty_pool() {
  rm -f /srv/fill/*
  zpool sync tank
  sleep 6
}
