#!/bin/bash
# DESCRIPTION: MariaDB: the power fails in a downgrade that keeps the upgraded state, within the replay of the binary log, too, and what was not flushed is lost; then it is resumed
# STRATEGY: a disk that forgets what was not flushed, and a ZFS that flushes late; cut at each point named, one boot after the other; the dump must be the same in the end
# stage: backout-upgraded
# uses: backout
# cuts: stop:applied capture:applied take-place:tank/mysql:done reinstall:applied within-restore restore:applied
# story: MariaDB, downgrade kept
# faults: yes
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
. /case/guest/cut.sh
UNIT=mariadb.service
long_replay 1000
zfs_flushes_late
cut_when within-restore half_replayed ticks 1000
go_on "backed out" downgrade --keep
mariadb_version | grep -F 10.11
same_dump /root/dump-new
