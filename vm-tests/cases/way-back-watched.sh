#!/bin/bash
# DESCRIPTION: between upgrade and decision the way back is watched: check tells a monitor, and status says what is damaged, since when, and offers no downgrade
# STRATEGY: open; automatic rewrites set again; a saved package removed; BGREWRITEAOF: the exit status of check, and what status says and offers, each time
# stage: redis-upgraded
# uses: backout
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
change=/var/lib/backout/changes/$(change_id)

echo "== open"
expect 0 backout check | tee /root/said
grep -F 'is open' /root/said
backout --json check | grep -F '"way_back":{"condition":"open"}'
expect 0 backout status | tee /root/said
grep -F 'is open' /root/said
grep -F 'backout downgrade' /root/said

echo "== what would damage it is said before it does"
redis-cli config set auto-aof-rewrite-percentage 100
expect 3 backout check | tee /root/said
grep -F 'a check would refuse it' /root/said
redis-cli config set auto-aof-rewrite-percentage 0
expect 0 backout check >/root/said

echo "== a saved package is gone"
deb=$(find "$change/installer" -name '*.deb' | head -n 1)
mv "$deb" /root/deb
expect 0 backout status | tee /root/said
grep -F 'is damaged' /root/said
grep -F "$deb is gone" /root/said
if grep -F 'backout downgrade' /root/said; then exit 1; fi
expect 3 backout check >/root/said
mv /root/deb "$deb"
expect 0 backout status | tee /root/said
grep -F 'saw it first at' /root/said
expect 0 backout check >/root/said
expect 0 backout status | tee /root/said
grep -F 'is open' /root/said

echo "== the append-only file is rewritten"
redis-cli bgrewriteaof
for _ in $(seq 100); do
  redis-cli info persistence | tr -d '\r' >/root/info
  if grep -qx 'aof_rewrites:1' /root/info && grep -qx 'aof_rewrite_in_progress:0' /root/info; then break; fi
  sleep 0.2
done
expect 0 backout status | tee /root/said
grep -F 'is damaged' /root/said
if grep -F 'backout downgrade' /root/said; then exit 1; fi
expect 3 backout check | tee /root/said
grep -F '[continuity]' /root/said
same_redis /root/dump-new
