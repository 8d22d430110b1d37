#!/bin/bash
# DESCRIPTION: the power fails at random instants of a downgrade, kept and in place, the state folder on ext4 and on a dataset of its own; what was not flushed is lost
# STRATEGY: as cut-redis-keep, cut so many seconds after the start of a run, one story after the other; BACKOUT_SEED repeats a run, BACKOUT_RANDOM_CUTS says how many
# stage: redis-upgraded
# uses: backout
# random: 2 240
# story: Redis, downgrade kept and in place
# faults: yes
# when: all
# limit: 600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/cut.sh
UNIT=redis-server.service
round=$(cat /case/round)
kind=--keep
[ $((round % 2)) = 1 ] || kind=--in-place
[ $((round / 2 % 2)) = 1 ] || state_on_zfs
echo "round $round: $kind, state on $(findmnt -n -o FSTYPE -T /var/lib/backout)"
go_on "backed out" downgrade "$kind"
redis_version | grep -F 7.0
same_redis /root/dump-new
