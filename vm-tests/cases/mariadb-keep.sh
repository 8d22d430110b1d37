#!/bin/bash
# DESCRIPTION: MariaDB comes back from 11.8 to 10.11 and the upgraded state is kept; undo returns to it, and down again; commit drops it
# STRATEGY: on the upgraded guest: downgrade, compare dumps; undo, compare dumps; downgrade again, compare; commit, nothing of ours is left on the pool
# stage: backout-upgraded
# uses: backout
# when: all
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
echo "== downgrade"
backout downgrade --keep --yes
mariadb_version | grep -F 10.11
same_dump /root/dump-new
backout status
zfs list -t all -r tank
echo "== undo"
backout undo --yes
mariadb_version | grep -F 11.8
mariadb_upgraded
same_dump /root/dump-new
zfs list -t all -r tank
echo "== downgrade again"
backout downgrade --keep --yes
mariadb_version | grep -F 10.11
same_dump /root/dump-new
echo "== commit"
fully_proved
backout commit --yes
backout status
zfs list -t all -r tank
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/mysql')" ]
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
[ "$(zfs get -H -o value origin tank/mysql)" = - ]
same_dump /root/dump-new
