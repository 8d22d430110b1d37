#!/bin/bash
# DESCRIPTION: the power fails in an upgrade, and what was not flushed is lost; then it is resumed, and gone back from
# STRATEGY: a disk that forgets what was not flushed; cut at each point named, one boot after the other; the dump must be the same in the end
# stage: redis-seeded
# uses: backout
# cuts: stop:applied snapshot:done upgrade:applied
# story: Redis, upgrade
# faults: yes
# when: all
# limit: 600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/cut.sh
UNIT=redis-server.service
go_on upgraded upgrade
redis_version | grep -F 8.0
same_redis /root/dump-old
unset BACKOUT_CUT_FIRED
backout downgrade --keep --yes
redis_version | grep -F 7.0
same_redis /root/dump-old
