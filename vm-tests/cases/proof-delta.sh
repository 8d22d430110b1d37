#!/bin/bash
# DESCRIPTION: a kept downgrade of Redis compares what was written since the snapshot; everything is compared on clones while it serves; commit waits for it
# STRATEGY: a key that nobody wrote to is changed behind the tool: only the full proof finds it; then undo, again, the full proof killed, repeated, commit
# stage: redis-upgraded
# uses: backout
# limit: 1200
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
private() { redis-cli -s /run/backout-redis/redis.sock "$@"; }

# stopped_at TEXT: the full proof ($pid) waits where it says this.
stopped_at() {
  local progress
  progress=/var/lib/backout/changes/$(change_id)/full-proof/progress
  for _ in $(seq 1200); do
    ! grep -F "$1" "$progress" >/dev/null 2>&1 || break
    kill -0 "$pid"
    sleep 0.05
  done
  kill -STOP "$pid"
  for _ in $(seq 240); do
    [ "$(private ping 2>/dev/null)" != PONG ] || return 0
    sleep 0.5
  done
  systemctl status backout-redis.service
  return 1
}

# is_apart VERSION: the private server has that version, the clone as its data, and no door to clients.
is_apart() {
  [ "$(private config get port | tail -n 1)" = 0 ]
  [ "$(private config get tls-port | tail -n 1)" = 0 ]
  [ "$(private config get unixsocket | tail -n 1)" = /run/backout-redis/redis.sock ]
  [ "$(private config get appendonly | tail -n 1)" = yes ]
  [ "$(private config get save | tail -n 1)" = '' ]
  [ "$(private config get shutdown-on-sigterm | tail -n 1)" = nosave ]
  [ "$(private config get dir | tail -n 1)" = "/run/backout-proof/$(change_id)/var/lib/redis" ]
  private info server | grep -F "redis_version:$1"
  [ "$(redis-cli get since)" = downgrade ]
}

# program_of FILE: the private server runs this one.
program_of() {
  local main
  main=$(systemctl show -p MainPID --value backout-redis.service)
  [ "$(stat -L -c %d:%i "/proc/$main/exe")" = "$(stat -L -c %d:%i "$1")" ]
}

echo "== a key that was not written to is changed before the service is opened"
crash_at prove:done downgrade --keep
private set page:2000 planted
backout resume
redis_version | grep -F 7.0
[ "$(redis-cli get page:2000)" = planted ]
backout status | tee /root/said
grep -F 'Only what was written since the snapshot was compared of: keys (' /root/said
grep -F 'backout prove' /root/said

echo "== commit waits for the full proof"
expect 3 backout commit --yes 2>&1 | tee /root/said
grep -F 'backout prove' /root/said

echo "== which finds it, and commit is refused"
expect 6 backout prove 2>&1 | tee /root/said
grep -F 'page:2000' /root/said
no_clones backout-redis.service
expect 3 backout commit --yes 2>&1 | tee /root/said
grep -F differs /root/said

echo "== undone, and done again"
backout undo --yes
redis_version | grep -F 8.0
same_redis /root/dump-new
backout downgrade --keep --yes
redis-cli set since downgrade

echo "== the full proof is killed while the upgraded version runs on a clone"
backout prove >/root/said 2>&1 &
pid=$!
stopped_at 'starting the upgraded version'
is_apart 8.0
program_of "$(find /var/lib/backout -type d -path "*/upgraded-programs/root")/usr/bin/redis-check-rdb"
kill -9 "$pid"
wait "$pid" || true
zfs list -r tank | grep -F .proof
expect 3 backout commit --yes
fault "kill -9 in a full proof" resumed

echo "== and repeated"
backout prove >/root/said 2>&1 &
pid=$!
stopped_at 'starting the previous version'
is_apart 7.0
program_of /usr/bin/redis-check-rdb
redis-cli set since-the-proof yes
kill -CONT "$pid"
wait "$pid" || { cat /root/said; exit 1; }
cat /root/said
grep -F ' 0 missing, 0 unexpected' /root/said
no_clones backout-redis.service
[ "$(redis-cli get since-the-proof)" = yes ]
[ "$(redis-cli get since)" = downgrade ]
backout status | tee /root/said
grep -F 'Everything was compared since then: ' /root/said

echo "== then commit"
backout commit --yes
[ "$(zfs list -H -t all -o name -r tank)" = $'tank\ntank/redis' ]
redis-cli del since since-the-proof
same_redis /root/dump-new
