#!/bin/bash
# DESCRIPTION: a standby of Redis 7.0 beside 8.0 takes over while a client writes: the server that was fed opens the service's port, and nothing that the client was told is missing or there twice; its feed and its server are killed before; keys whose first end has passed come back; undo, commit
# STRATEGY: a client writes numbers all the time and keeps those that were acknowledged, with the time; kill -9 of feed, of the standby's server, and of 8.0; the switch; the packages; every number is there once; nothing is left of the standby
# stage: redis-upgraded
# uses: backout
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh

# client: numbers in a list, over one connection for as long as there is one. What was acknowledged stands in
# /root/acknowledged, with the time. A number is not tried again, so that none can be there twice by right.
client() {
  local n=0 reply
  trap '' PIPE
  while [ ! -e /root/enough ]; do
    if ! exec 9<>/dev/tcp/127.0.0.1/6379; then sleep 0.02 && continue; fi 2>/dev/null
    while [ ! -e /root/enough ]; do
      n=$((n + 1))
      printf 'RPUSH written %s\r\n' "$n" >&9 || break
      IFS= read -r -t 60 -u 9 reply || break
      case $reply in
        :*) echo "$n $EPOCHREALTIME" >>/root/acknowledged ;;
        *) sleep 0.02 ;;
      esac
    done
    exec 9>&-
  done 2>/dev/null
}

# written [FILE]: every number acknowledged is there (or those in this file), and none is there twice.
written() {
  redis-cli LRANGE written 0 -1 | sort >/root/found
  [ -z "$(uniq -d /root/found)" ]
  cut -d' ' -f1 "${1:-/root/acknowledged}" | sort >/root/told
  comm -23 /root/told /root/found | tee /root/missing
  [ ! -s /root/missing ]
}

# gap: the longest time without an acknowledged number.
gap() { awk 'NR > 1 && $2 - last > most { most = $2 - last } { last = $2 } END { printf "%.2f s\n", most }' /root/acknowledged; }

nothing_of_a_standby() {
  [ -z "$(zfs list -H -o name -r tank | grep -F .standby || true)" ]
  if grep -F /run/backout-standby /proc/mounts; then return 1; fi
  [ -z "$(systemctl list-units --plain --no-legend 'backout-standby-*' 'backout-feed-*' 'backout-serve-*' || true)" ]
}

main_pid() { systemctl show --property=MainPID --value "$1"; }
caught_up() { backout status | grep -F 'caught up' >/dev/null; }

redis_write_times
sleep 6
client &
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
cp /root/acknowledged /root/before
backout downgrade --yes
redis_version | grep -F 7.0
sleep 1
touch /root/enough
wait "$client"
echo "the longest gap of $(wc -l </root/acknowledged) acknowledged writes: $(gap)"
backout report
written
redis_times_are_kept
[ "$(redis-cli EXISTS backout:standby:position)" = 0 ]
# The server that was fed served: it was not started again for that.
journalctl --unit=backout-standby-redis.service --output=cat | grep -F "$standby" >/dev/null
if journalctl --unit=backout-serve-redis.service --output=cat | grep -F Ready; then exit 1; fi
nothing_of_a_standby
systemctl restart redis-server.service
until [ "$(redis-cli GET kept)" = v ]; do sleep 1; done
written
backout prove
backout undo --yes
redis_version | grep -F 8.0
# What was written to 7.0 since is not there: undo says so.
written /root/before
backout commit --yes
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/redis')" ]
