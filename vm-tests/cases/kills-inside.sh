#!/bin/bash
# DESCRIPTION: only the tool is killed from outside while its commands run: within package downloads and installations, capture, restore, lists; and asked to stop there, once and twice
# STRATEGY: SIGKILL leaves the command alive: the resume lets a package command finish, and ends any other before it continues; an INCR that was replayed twice would show in the dump
# stage: redis-seeded
# uses: backout
# faults: killed
# when: all
# limit: 5400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/kill.sh
kill_seed
redis_slow_capture

echo "== upgrade"
kill_along alone KILL upgrade --yes -- "save-installer child apt-get" "upgrade dpkg $(between 1 40)"
redis_version | grep -F 8.0
same_redis /root/dump-old
proved
redis_write_on_new
redis_count 150000
redis_dump >/root/dump-new

echo "== downgrade, the upgraded state is kept"
kill_along alone KILL downgrade --keep --yes -- "inventory:keys child backout" "capture:1 child sh within 2000" "capture within 200" \
  "reinstall dpkg $(between 1 6)" \
  "restore child backout within 100" "restore child backout within 300" "inventory-found:keys child backout"
redis_version | grep -F 7.0
same_redis /root/dump-new
proved

echo "== undo, asked to stop"
kill_along alone TERM undo --yes -- "upgrade-again child apt-get" "upgrade-again dpkg $(between 1 8)"
redis_version | grep -F 8.0
same_redis /root/dump-new
proved

echo "== downgrade in place, asked to stop, and once more while it ends"
kill_along alone "INT INT" downgrade --in-place --yes -- "inventory:keys child backout" "capture:1 child sh within 2000" \
  "reinstall dpkg $(between 1 8)" "restore child backout within 200"
redis_version | grep -F 7.0
same_redis /root/dump-new
proved

echo "== commit"
kill_along alone KILL commit --yes -- "any within 1500" "any within 1500"
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
same_redis /root/dump-new
proved
