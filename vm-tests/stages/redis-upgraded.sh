#!/bin/bash
# DESCRIPTION: backout took Redis from 7.0 to 8.0; clients have written since; /root/dump-new is what it holds
# stage: redis-seeded
# uses: backout
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
backout check
backout plan
backout upgrade --yes
redis_version | grep -F 8.0
same_redis /root/dump-old
redis_write_on_new
redis_dump >/root/dump-new
cp /root/dump-new /result/dump-new
wc -l /root/dump-new
