#!/bin/bash
# DESCRIPTION: a pool without a free block: the upgraded state cannot be kept, before and during the downgrade; in place succeeds
# STRATEGY: first it is determined what ZFS refuses on such a pool; then the downgrades
# stage: redis-upgraded
# uses: backout
# faults: storage
# when: all
# limit: 3600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/full.sh

zfs create -o mountpoint=/srv/fill -o compression=off -o recordsize=128k tank/filler
echo "== what ZFS does without a free block"
zfs create tank/x
zfs snapshot tank/x@one
fill_pool
works() { if "$@" >/run/zfs 2>&1; then echo "works: $*"; else echo "fails: $*: $(tail -n 1 /run/zfs)"; return 1; fi; }
# Our reserve is made before that.
works zfs snapshot tank/x@two && exit 1
works zfs clone tank/x@one tank/y && exit 1
works zfs create tank/z && exit 1
# The way back in place consists of these.
works zfs hold test tank/x@one
works zfs release test tank/x@one
works zfs set test:mark=1 tank/x
works zfs set canmount=noauto tank/x
works zfs unmount tank/x || true
works zfs rollback tank/x@one
works zfs rename -u tank/x tank/w
works zfs inherit test:mark tank/w
works zfs destroy tank/w@one
works zfs destroy tank/w

echo "== before a downgrade that keeps the upgraded state"
# Unasked, the upgraded state is never destroyed.
expect 3 backout downgrade --yes >/run/said 2>&1
cat /run/said
grep -F '[room]' /run/said
grep -F -- '--in-place' /run/said
same_redis /root/dump-new
fault "full pool, kept" halted

echo "== full in the middle of one: it stops before anything is exchanged"
empty_pool
for point in snapshot-upgraded:started clone:tank/redis:started; do
  if [ "$point" = snapshot-upgraded:started ]; then crash_at "$point" downgrade --keep; else crash_at_resume "$point"; fi
  fill_pool
  status=0
  backout resume >/run/said 2>&1 || status=$?
  said_why "$status" 'space'
  expect 4 backout status
  empty_pool
  fault "pool full in the middle" resumed
done
echo "-- while it is restored"
crash_at_resume restore:started
fill_pool
status=0
backout resume >/run/said 2>&1 || status=$?
said_why "$status" 'restore|maintenance|space'
empty_pool
backout resume
redis_version | grep -F 7.0
same_redis /root/dump-new
fault "pool full in the middle" resumed
backout undo --yes
same_redis /root/dump-new

echo "== full, and aborted: nothing of that needs room"
crash_at clone:tank/redis:started downgrade --keep
fill_pool
backout abort --yes
redis_version | grep -F 8.0
same_redis /root/dump-new
fault "abort on a full pool" resumed

echo "== full, in place"
zfs list -o name,used,avail tank
# What the playbook's limit says. From here on systemd takes the unit for one that stops by itself, and sends it no signal.
if redis-cli -e shutdown; then echo "Redis saved on a full pool" >&2; exit 1; fi
redis-cli -e ping
redis-cli -e config set shutdown-on-sigterm nosave
[ "$(zfs get -H -o value refreservation tank/redis.reserve)" = 32M ]
backout downgrade --in-place --yes
# Without what was held back not even the packages find room.
if zfs list tank/redis.reserve; then echo "the reserve is still there" >&2; exit 1; fi
redis_version | grep -F 7.0
same_redis /root/dump-new
backout commit --yes
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/filler\ntank/redis')" ]
fault "full pool, in place" resumed
