#!/bin/bash
# DESCRIPTION: the power fails in a downgrade that keeps the upgraded state, and what was not flushed is lost; then it is resumed
# STRATEGY: a disk that forgets what was not flushed; cut at each point named, one boot after the other; the dump must be the same in the end
# stage: redis-upgraded
# uses: backout
# cuts: stop:applied capture:applied take-place:tank/redis:done reinstall:applied restore:applied
# story: Redis, downgrade kept
# faults: yes
# limit: 600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/cut.sh
UNIT=redis-server.service
go_on "backed out" downgrade --keep
redis_version | grep -F 7.0
same_redis /root/dump-new
