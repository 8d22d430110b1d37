#!/bin/bash
# DESCRIPTION: MariaDB: the power fails at random instants of a downgrade, kept and in place, the state folder on ext4 and on a dataset of its own; what was not flushed is lost
# STRATEGY: as cut-mariadb-keep, cut so many seconds after the start of a run, one story after the other; BACKOUT_SEED repeats a run, BACKOUT_RANDOM_CUTS says how many
# stage: backout-upgraded
# uses: backout
# random: 2 360
# story: MariaDB, downgrade kept and in place
# faults: yes
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
. /case/guest/cut.sh
UNIT=mariadb.service
round=$(cat /case/round)
kind=--keep
[ $((round % 2)) = 1 ] || kind=--in-place
long_replay 500
[ $((round / 2 % 2)) = 1 ] || state_on_zfs
zfs_flushes_late
echo "round $round: $kind, state on $(findmnt -n -o FSTYPE -T /var/lib/backout)"
go_on "backed out" downgrade "$kind"
mariadb_version | grep -F 10.11
same_dump /root/dump-new
