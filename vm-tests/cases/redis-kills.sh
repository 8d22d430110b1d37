#!/bin/bash
# DESCRIPTION: Redis, whose restore must not be repeated: downgrade, undo and downgrade in place are killed (SIGKILL) at every point, and resumed each time
# STRATEGY: a restore that is cut off begins again from rolled back data; an INCR that was replayed twice would show in the dump
# stage: redis-upgraded
# uses: backout
# faults: yes
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
echo "== downgrade, the upgraded state is kept"
kill_everywhere downgrade --keep
redis_version | grep -F 7.0
same_redis /root/dump-new
echo "== undo"
kill_everywhere undo
redis_version | grep -F 8.0
same_redis /root/dump-new
echo "== downgrade in place"
kill_everywhere downgrade --in-place
redis_version | grep -F 7.0
same_redis /root/dump-new
backout commit --yes
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
