#!/bin/bash
# DESCRIPTION: Redis 7.0 on tank/redis with 5000 keys' worth of writes in it, running, ready for an upgrade; /root/dump-old is what it holds
# stage: none
# limit: 600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
pool_create tank 1G
redis_on_zfs tank/redis
redis_seed
redis_site
redis_dump >/root/dump-old
wc -l /root/dump-old
