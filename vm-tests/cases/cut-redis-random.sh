#!/bin/bash
# DESCRIPTION: the power fails at random instants of a downgrade, state folder and journal on a dataset of their own; what was not flushed is lost
# STRATEGY: as cut-redis-keep, cut so many seconds after the start of a run; BACKOUT_SEED repeats a run, BACKOUT_RANDOM_CUTS says how many
# stage: redis-upgraded
# uses: backout
# random: 2 40
# faults: yes
# when: all
# limit: 600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/cut.sh
UNIT=redis-server.service
if [ "$(zfs list -H -o name state/backout 2>/dev/null)" = "" ]; then
  pool_create state 512M 8
  dataset_create state/backout /var/lib/backout.new
  cp -a /var/lib/backout/. /var/lib/backout.new/
  mv /var/lib/backout /var/lib/backout.old
  zfs set mountpoint=/var/lib/backout state/backout
  sync
fi
go_on "backed out" downgrade --keep
redis_version | grep -F 7.0
same_redis /root/dump-new
