#!/bin/bash
# DESCRIPTION: the tool is killed from outside together with everything that it started, within its steps and at random instants: upgrade, both kinds of downgrade, undo, abort, commit
# STRATEGY: everything with the change's mark, the tool's session and its server without clients die at once; resumed until it is done; then the dumps must be identical
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
any() { echo "any within $(between 1000 20000)"; }

echo "== upgrade"
kill_along all KILL upgrade --yes -- "save-installer child apt-get" "upgrade dpkg $(between 1 12)" "upgrade dpkg $(between 13 40)"
redis_version | grep -F 8.0
same_redis /root/dump-old
proved
redis_write_on_new
redis_count 150000
redis_dump >/root/dump-new

echo "== downgrade, given up in the middle of the old packages; the abort is killed, too"
kill_within all KILL "reinstall dpkg $(between 4 12)" downgrade --keep --yes
kill_along all KILL abort --yes -- "upgrade-again dpkg $(between 1 8)"
redis_version | grep -F 8.0
same_redis /root/dump-new
proved

echo "== downgrade, the upgraded state is kept"
kill_along all KILL downgrade --keep --yes -- "inventory:keys child redis-cli" "capture:1 child sh within 2000" "$(any)" \
  "reinstall dpkg $(between 1 6)" "reinstall dpkg $(between 4 8)" "restore child redis-cli within 2000" "$(any)" "inventory-found:keys child redis-cli"
redis_version | grep -F 7.0
same_redis /root/dump-new
proved

echo "== undo"
kill_along all KILL undo --yes -- "upgrade-again dpkg $(between 1 8)" "$(any)" "$(any)"
redis_version | grep -F 8.0
same_redis /root/dump-new
proved

echo "== downgrade in place, asked to stop: every process is"
kill_along all "TERM" downgrade --in-place --yes -- "capture:1 child sh within 2000" "reinstall dpkg $(between 1 8)" "restore child redis-cli within 2000"
redis_version | grep -F 7.0
same_redis /root/dump-new
proved

echo "== commit"
kill_along all KILL commit --yes -- "any within 1500" "any within 1500"
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
same_redis /root/dump-new
proved
