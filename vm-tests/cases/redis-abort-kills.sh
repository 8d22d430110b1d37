#!/bin/bash
# DESCRIPTION: Redis: a snapshot, an upgrade, what gives an upgrade or a downgrade up, and what ends a change are killed (SIGKILL) at every point, and resumed each time
# STRATEGY: the procedures that redis-kills leaves out; each abort begins as late as it is allowed, so that it has the most to take back
# stage: redis-seeded
# uses: backout
# faults: yes
# when: all
# limit: 3600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
nothing_left() { [ "$(zfs list -H -t all -o name -r tank)" = "$(printf 'tank\ntank/redis')" ]; }

echo "== a snapshot alone"
kill_everywhere snapshot
same_redis /root/dump-old
kill_everywhere commit
nothing_left

echo "== an upgrade that is given up before its packages"
crash_at snapshot:done upgrade
kill_everywhere abort
redis_version | grep -F 7.0
same_redis /root/dump-old
nothing_left

echo "== an upgrade"
kill_everywhere upgrade
redis_version | grep -F 8.0
same_redis /root/dump-old
redis_write_on_new
redis_dump >/root/dump-new

echo "== a downgrade that keeps, given up when the old version has the data and was not yet opened"
crash_at inventory-found:keys:done downgrade --keep
kill_everywhere abort
redis_version | grep -F 8.0
same_redis /root/dump-new

echo "== a downgrade in place, given up when the data is unmounted and nothing is rolled back"
crash_at unmount:done downgrade --in-place
kill_everywhere abort
redis_version | grep -F 8.0
same_redis /root/dump-new

echo "== the commit of a downgrade that keeps (which redis-kills kills)"
backout downgrade --keep --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
kill_everywhere commit
same_redis /root/dump-new
nothing_left
