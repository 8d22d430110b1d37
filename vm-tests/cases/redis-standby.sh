#!/bin/bash
# DESCRIPTION: a standby of Redis 7.0 beside 8.0 takes over while a client writes: the server that was fed opens the service's port, and nothing that the client was told is missing or there twice; its feed and its server are killed before; keys whose first end has passed come back; then 8.0 stands by beside 7.0, and the undo is a switch that takes along what was written; a second switch, undo, commit
# STRATEGY: a client writes numbers all the time and keeps those that were acknowledged, with the time; kill -9 of feed, of the standby's server, and of 8.0; the switch; the packages; every number is there once; nothing is left of the standby; the same upwards, and down once more
# stage: redis-upgraded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/standby.sh

redis_write_times
sleep 6
redis_client &
client=$!
echo "== standby, while a client writes"
backout standby start --yes
expect 0 backout status
systemctl list-units --plain --no-legend 'backout-standby-*' 'backout-feed-*'
if ss -Hltn | grep -v -e 127.0.0.1 -e '\[::1\]'; then exit 1; fi
echo "== feed, server and 8.0 are killed"
for unit in backout-feed-redis.service backout-standby-redis.service redis-server.service; do
  kill -9 "$(main_pid "$unit")"
  sleep 3
done
backout standby start --yes
standby=$(main_pid backout-standby-redis.service)
echo "== the switch"
since=$EPOCHREALTIME
backout downgrade --yes
redis_version | grep -F 7.0
sleep 1
client_ended "$client" "$since"
backout report
for f in journal log; do cp "/var/lib/backout/changes/$(change_id)/$f" "/result/change-$f"; done
written redis
redis_times_are_kept
[ "$(redis-cli EXISTS backout:standby:position)" = 0 ]
# The server that was fed served: it was not started again for that.
journalctl --unit=backout-standby-redis.service --output=cat | grep -F "$standby" >/dev/null
if journalctl --unit=backout-serve-redis.service --output=cat | grep -F Ready; then exit 1; fi
nothing_of_a_standby
systemctl restart redis-server.service
until [ "$(redis-cli GET kept)" = v ]; do sleep 1; done
written redis
backout prove
echo "== 8.0 stands by, while a client writes to 7.0"
rm /root/enough
since=$EPOCHREALTIME
redis_client 1000000 &
client=$!
backout standby start --yes
expect 0 backout status
for unit in backout-feed-redis.service backout-standby-redis.service; do
  kill -9 "$(main_pid "$unit")"
  sleep 2
done
backout standby start --yes
echo "== the undo is a switch"
backout undo --yes
redis_version | grep -F 8.0
sleep 1
client_ended "$client" "$since"
backout report
for f in journal log; do cp "/var/lib/backout/changes/$(change_id)/$f" "/result/change-$f"; done
written redis
redis_times_are_kept
[ "$(redis-cli EXISTS backout:standby:position)" = 0 ]
nothing_of_a_standby
systemctl restart redis-server.service
until [ "$(redis-cli GET kept)" = v ]; do sleep 1; done
written redis
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/redis\ntank/redis.reserve\ntank/redis.undone')" ]
echo "== the way back is open as before"
expect 0 backout check
backout standby start --yes
redis-cli RPUSH written again
backout downgrade --yes
redis_version | grep -F 7.0
written redis
redis-cli LRANGE written -1 -1 | grep -F again
backout undo --yes
redis_version | grep -F 8.0
backout commit --yes
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/redis')" ]
