#!/bin/bash
# DESCRIPTION: keys whose time to live was extended or removed on Redis 8.0 come back whole after their first end has passed; so do groups of streams, functions and times
# STRATEGY: what clients wrote is loaded by the old server as its own append-only file; a client that sent it again would delete what is past
# stage: redis-upgraded
# uses: backout
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
redis_write_times
redis_feed 3 <<'COMMANDS'
EXPIRE page:700 5
EXPIRE page:700 90000
CONFIG SET aof-timestamp-enabled yes
COMMANDS
sleep 6
redis_dump >/root/dump-new
ends=$(redis-cli PEXPIRETIME session:1)
backout downgrade --keep --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
redis_times_are_kept
[ "$(redis-cli PEXPIRETIME session:1)" = "$ends" ]
[ "$(redis-cli TTL page:700)" -gt 80000 ]
# The old server owns what it loaded, and goes on writing to it.
redis-cli SET after downgrade
systemctl restart redis-server.service
until [ "$(redis-cli GET after)" = downgrade ]; do sleep 1; done
[ "$(redis-cli HGET session:1 user)" = bob ]
backout undo --yes
redis_version | grep -F 8.0
[ "$(redis-cli HGET session:1 user)" = bob ]
