# shellcheck shell=bash
# A pool whose device goes away and comes back: a device mapper's device, whose table is exchanged for one of errors.
# Needs: backout.sh.

# pool_on_mapper: tank, from /dev/loop7 onto the mapper; Redis is stopped meanwhile.
pool_on_mapper() {
  sectors=$(blockdev --getsz /dev/loop7)
  modprobe dm-mod
  systemctl stop redis-server.service
  zpool export tank
  dmsetup create --noudevsync --table "0 $sectors linear /dev/loop7 0" disk
  dmsetup mknodes
  zpool import -d /dev/mapper -o cachefile=/etc/zfs/zpool.cache tank
  systemctl start redis-server.service
  zpool status tank
}

table() {
  dmsetup suspend --noflush --nolockfs --noudevsync disk
  dmsetup load --table "$1" disk
  dmsetup resume --noudevsync disk
}
state() { cat /proc/spl/kstat/zfs/tank/state; }

take_away() {
  table "0 $sectors error"
  # It is noticed with the next write.
  for _ in $(seq 120); do
    [ "$(state)" != SUSPENDED ] || return 0
    timeout -k 1 5 zfs set "test:tick=$RANDOM" tank >/dev/null 2>&1 || true
    sleep 0.5
  done
  echo "the pool is still $(state)" >&2
  return 1
}

bring_back() {
  table "0 $sectors linear /dev/loop7 0"
  zpool clear tank
  for _ in $(seq 60); do
    [ "$(state)" = SUSPENDED ] || return 0
    sleep 0.5
  done
  zpool status tank
  return 1
}

# ends STATUS SECONDS CMD...: within this time, with this status, and saying what to do.
ends() {
  local wanted=$1 limit=$2 status=0 began=$SECONDS
  shift 2
  timeout -k 1 "$limit" "$@" >/run/said 2>&1 || status=$?
  sed 's/^/    | /' /run/said
  echo "ended with $status after $((SECONDS - began)) s"
  [ "$status" = "$wanted" ] || return 1
  grep -F 'zpool clear tank' /run/said >/dev/null
}

# while_it_runs STEP VERB...: the device goes when the step has begun.
while_it_runs() {
  local step=$1 journal status=0 pid began
  shift
  echo "-- $step"
  journal=/var/lib/backout/changes/$(change_id)/journal
  began=$(grep -cF "\"record\":\"started\",\"step\":\"$step\"" "$journal" || true)
  backout "$@" >/run/said 2>&1 &
  pid=$!
  for _ in $(seq 3000); do
    [ "$(grep -cF "\"record\":\"started\",\"step\":\"$step\"" "$journal" || true)" = "$began" ] || break
    sleep 0.02
  done
  table "0 $sectors error"
  began=$SECONDS
  # A step that needed nothing of the pool goes by; the one after it does not.
  while kill -0 "$pid" 2>/dev/null && ! grep -qF 'zpool clear tank' /run/said && [ $((SECONDS - began)) -lt 400 ]; do
    [ "$(state)" = SUSPENDED ] || timeout -k 1 5 zfs set "test:tick=$RANDOM" tank >/dev/null 2>&1 || true
    sleep 1
  done
  # It may be a process that waits in the kernel: then it has said so, and ends as soon as the pool answers.
  sed 's/^/    | /' /run/said
  echo "after $((SECONDS - began)) s: $(state), $(ps -o stat= -p "$pid" || echo ended)"
  grep -E 'zpool clear tank|[Ii]nput/output error' /run/said >/dev/null
  bring_back
  wait "$pid" || status=$?
  [ "$status" = 1 ]
  expect 4 backout status
}
