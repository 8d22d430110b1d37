#!/bin/bash
# DESCRIPTION: others work on the pool during a downgrade: snapshots, holds, clones, bookmarks, sends; our snapshots made again, the dataset renamed, the pool exported; files in use
# STRATEGY: the tool is killed at a point, the surprise is made, then `resume`: it succeeds, or stops and names the surprise; the dump is the same, and everything of others exists with its guid
# stage: redis-upgraded
# uses: backout
# faults: zfs
# when: all
# limit: 5400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
ours=tank/redis@backout-$(change_id)

identity() { zfs list -Hp -t all -d 0 -o type,guid -- "$1"; }
# remember NAME...: they are somebody else's, and must be there whenever theirs_are_there is asked, whatever they are called then.
remember() {
  local name
  for name in "$@"; do identity "$name" >>/root/theirs; done
}
theirs_are_there() {
  zfs list -Hp -t all -o type,guid -r tank | sort -u >/root/there
  sort -u /root/theirs >/root/wanted
  [ -s /root/wanted ]
  [ -z "$(comm -23 /root/wanted /root/there)" ] || { echo "gone: $(comm -23 /root/wanted /root/there)" >&2; return 1; }
}
forget() { rm -f /root/theirs; }
# another_tool NUMBER: a snapshot, a held one, one with a clone, one with a bookmark, of what has the name now, or of what had it.
another_tool() {
  local at=tank/redis n=$1 kind
  zfs list -H -o name tank/redis >/dev/null 2>&1 || at=tank/redis.upgraded
  for kind in plain held cloned marked; do
    zfs snapshot "$at@$kind $n:00"
    remember "$at@$kind $n:00"
  done
  zfs hold theirs "$at@held $n:00"
  zfs clone -o canmount=noauto "$at@cloned $n:00" "tank/theirs-$n"
  zfs bookmark "$at@marked $n:00" "$at#marked $n:00"
  remember "tank/theirs-$n" "$at#marked $n:00"
}
# clean_up DATASET: the operator lets all of these go.
clean_up() {
  local name
  zfs list -H -o name -r tank | { grep -F tank/theirs- || true; } | xargs -rn1 zfs destroy
  while read -r name; do
    zfs release theirs "$name" 2>/dev/null || true
    zfs destroy "$name"
  done < <(zfs list -H -d 1 -t snapshot,bookmark -o name "$1" | { grep -F :00 || true; })
  forget
}
# said WORDS: the last run named it, and said what is true and what can be done.
said() {
  grep -F -- "$1" /root/said
  grep -qE '^ *now:' /root/said
  grep -qE '^ *next:' /root/said
}
# stands STATUS WORDS: a resume ends so and names it.
stands() {
  expect "$1" backout resume >/root/said 2>&1 || { cat /root/said; return 1; }
  cat /root/said
  said "$2"
}
on_the_new() {
  redis_version | grep -F 8.0
  systemctl is-active redis-server.service
  same_redis /root/dump-new
}
on_the_old() {
  redis_version | grep -F 7.0
  systemctl is-active redis-server.service
  same_redis /root/dump-new
}
# in_use: the dataset as a current folder, an open file, a program that is mapped.
in_use() {
  (cd /var/lib/redis && exec sleep 3000) &
  cp /bin/sleep /var/lib/redis/mapped
  /var/lib/redis/mapped 3000 &
  sleep 3000 <"$(find /var/lib/redis -type f -name '*.aof' -print -quit)" &
  sleep 1
}
not_in_use() {
  local pid
  for pid in $(jobs -p); do kill "$pid"; wait "$pid" 2>/dev/null || true; done
  rm -f /var/lib/redis/mapped
}
# send_slowly SNAPSHOT: sends it to somebody who does not read; SENDER is its pid.
send_slowly() {
  zfs send -- "$1" > >(exec sleep 3000) &
  SENDER=$!
  sleep 2
  kill -0 "$SENDER"
}
stop_sending() {
  kill "$SENDER"
  wait "$SENDER" 2>/dev/null || true
}
import_as() { # FROM TO [OPTION...]
  local from=$1 to=$2
  shift 2
  zpool import -d /dev/loop7 -o cachefile=/etc/zfs/zpool.cache "$@" "$from" "$to"
}

echo "== kept: another tool in every phase"
n=0
for point in save-config-upgraded stop maintenance-start capture verify unmount snapshot-upgraded clone:tank/redis set-aside:tank/redis take-place:tank/redis \
  snapshot-base mount reinstall maintenance-start-previous; do
  if [ "$n" = 0 ]; then crash_at "$point:done" downgrade --keep; else crash_at_resume "$point:done"; fi
  n=$((n + 1))
  another_tool "$n"
done
backout resume
on_the_old
theirs_are_there
for kind in "newer snapshot" "held newer snapshot" "clone of a newer snapshot" "bookmark"; do fault "$kind by another tool, kept" resumed "$n"; done
fully_proved
theirs_are_there
expect 3 backout commit --yes 2>&1 | tee /root/said
grep -F 'tank/redis.upgraded@plain 1:00' /root/said
theirs_are_there
backout undo --yes
on_the_new
theirs_are_there
clean_up tank/redis
clean_up tank/redis.undone

echo "== kept: our snapshot made again under our name, or renamed away"
expect 1 zfs destroy "$ours"
crash_at stop:done downgrade --keep
zfs rename "$ours" tank/redis@away
zfs snapshot "$ours"
stands 6 'is another snapshot than the one that was taken'
zfs destroy "$ours"
stands 6 "the snapshot $ours is gone"
zfs rename tank/redis@away "$ours"
fault "our snapshot replaced before the capture, kept" halted 2
crash_at_resume unmount:done
zfs rename "$ours" tank/redis@away
zfs snapshot "$ours"
stands 6 'is another snapshot than the one that was taken'
zfs destroy "$ours"
stands 6 "the snapshot $ours is gone"
zfs rename tank/redis@away "$ours"
fault "our snapshot replaced before the clone, kept" halted 2

echo "== kept: the dataset is renamed, the pool exported, imported under another name or read-only"
zfs rename -u tank/redis tank/other
stands 1 'the dataset tank/redis is gone'
zfs rename -u tank/other tank/redis
zpool export tank
stands 1 'the dataset tank/redis is gone'
import_as tank pond
stands 1 'the dataset tank/redis is gone'
zpool export pond
# Read-only, its name on the disk stays the other one.
import_as pond tank -o readonly=on
expect 1 backout resume 2>&1 | tee /root/said
grep -i 'read-only' /root/said
zpool export tank
import_as pond tank
fault "dataset renamed" halted
fault "pool exported, renamed, read-only" halted 3
crash_at_resume clone:tank/redis:done
zfs rename tank/redis.new tank/taken
zfs create -o canmount=noauto tank/redis.new
stands 6 'tank/redis.new'
zfs destroy tank/redis.new
zfs rename tank/taken tank/redis.new
fault "another dataset under the name of the clone" halted

echo "== kept: the restored data is in use, and another tool snapshots it"
crash_at_resume mount:done
in_use
stands 1 'sleep ('
grep -F 'mapped (' /root/said
not_in_use
fault "mapped and open files on the restored data" halted
zfs set readonly=on tank/redis
stands 1 'tank/redis is read-only'
zfs inherit readonly tank/redis
fault "readonly set in the middle" halted
zfs snapshot "tank/redis@newer 1:00"
remember "tank/redis@newer 1:00"
crash_at_resume restore:started
stands 6 'tank/redis@newer 1:00'
theirs_are_there
clean_up tank/redis
fault "newer snapshot before a restore that begins again" halted
send_slowly "tank/redis.upgraded@backout-$(change_id)"
backout resume
stop_sending
on_the_old
fault "our snapshot being sent, kept" resumed
zfs rename tank/redis.upgraded tank/away
expect 6 backout undo --yes 2>&1 | tee /root/said
said 'is neither in its place nor at tank/redis.upgraded'
zfs rename tank/away tank/redis.upgraded
fault "what was kept renamed before the undo" halted
backout resume
on_the_new

echo "== kept: the upgraded data is in use, then aborted over what others made"
crash_at capture:done downgrade --keep
in_use
stands 1 'sleep ('
grep -F 'mapped (' /root/said
not_in_use
fault "mapped and open files on the upgraded data" halted
crash_at_resume mount:done
zfs snapshot "tank/redis@newer 2:00"
remember "tank/redis@newer 2:00"
expect 1 backout abort --yes 2>&1 | tee /root/said
said 'newer 2:00'
theirs_are_there
zfs destroy "tank/redis.new@newer 2:00"
forget
backout resume
on_the_new
fault "newer snapshot on the clone, aborted" halted

echo "== in place: another tool in every phase before the rollback"
n=0
for point in save-config-upgraded stop maintenance-start capture verify unmount; do
  if [ "$n" = 0 ]; then crash_at "$point:done" downgrade --in-place; else crash_at_resume "$point:done"; fi
  n=$((n + 1))
  another_tool "$n"
done
stands 6 'the rollback is not begun'
for i in $(seq "$n"); do
  for kind in plain held cloned marked; do grep -F "tank/redis@$kind $i:00" /root/said >/dev/null; done
  grep -F "tank/redis#marked $i:00" /root/said >/dev/null
done
theirs_are_there
expect 6 backout status | grep -F 'backout abort'
backout abort --yes
on_the_new
theirs_are_there
for kind in "newer snapshot" "held newer snapshot" "clone of a newer snapshot" "bookmark"; do fault "$kind by another tool, in place" halted "$n"; done
clean_up tank/redis

echo "== in place: what was named is held, cloned, made again, sent meanwhile; ours is made again"
zfs snapshot "tank/redis@named 1:00"
crash_at unmount:done downgrade --in-place --accept "tank/redis@named 1:00"
zfs hold theirs "tank/redis@named 1:00"
stands 6 'is held (theirs)'
zfs release theirs "tank/redis@named 1:00"
zfs clone -o canmount=noauto "tank/redis@named 1:00" tank/theirs
stands 6 'has clones (tank/theirs)'
zfs destroy tank/theirs
zfs bookmark "tank/redis@named 1:00" "tank/redis#named 1:00"
stands 6 'tank/redis#named 1:00'
zfs destroy "tank/redis#named 1:00"
zfs rename "tank/redis@named 1:00" "tank/redis@named 2:00"
zfs snapshot "tank/redis@named 1:00"
stands 6 'tank/redis@named'
zfs destroy "tank/redis@named 1:00"
zfs rename "tank/redis@named 2:00" "tank/redis@named 1:00"
fault "a snapshot that was named held, cloned, marked, replaced" halted 4
zfs rename "$ours" tank/redis@away
stands 6 "the snapshot $ours is gone"
zfs snapshot "$ours"
stands 6 'is another snapshot than the one that was taken'
zfs destroy "$ours"
zfs rename tank/redis@away "$ours"
fault "our snapshot replaced, in place" halted 2
zfs rename -u tank/redis tank/other
stands 1 'the dataset tank/redis is gone'
zfs rename -u tank/other tank/redis
fault "dataset renamed" halted
send_slowly "tank/redis@named 1:00"
newer=$SENDER
stands 1 'is in use'
identity "tank/redis@named 1:00" | grep .
# It was not begun: what halted last counts until it is.
expect 6 backout status | grep -F 'backout abort'
fault "newer snapshot being sent, in place" halted
send_slowly "$ours"
target=$SENDER
SENDER=$newer
stop_sending
crash_at_resume rollback:done
fault "our snapshot being sent, in place" resumed
another_tool 9
crash_at_resume mount:done
another_tool 10
crash_at_resume maintenance-start-previous:done
another_tool 11
backout resume
on_the_old
theirs_are_there
for kind in "newer snapshot" "held newer snapshot" "clone of a newer snapshot" "bookmark"; do fault "$kind by another tool, after the rollback" resumed 3; done
# What is left of two undos is named.
mapfile -t left < <(zfs list -H -t snapshot -o name -r tank | grep -F 'tank/redis.undone' | sed 's/^/--accept=/')
expect 1 backout commit --yes "${left[@]}" 2>&1 | tee /root/said
said 'is in use'
SENDER=$target
stop_sending
backout resume
theirs_are_there
[ -z "$(zfs list -H -t snapshot -o name -r tank | grep -F '@backout-' || true)" ]
on_the_old
