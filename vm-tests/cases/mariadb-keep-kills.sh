#!/bin/bash
# DESCRIPTION: a downgrade that keeps the upgraded state, its undo and its commit are killed (SIGKILL) at every point, and resumed each time
# STRATEGY: the tool kills itself at each point that it reaches for the first time; `backout resume` until it is through; then the dumps must be identical
# stage: backout-upgraded
# uses: backout
# faults: yes
# limit: 3000
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
kill_everywhere downgrade --keep
mariadb_version | grep -F 10.11
same_dump /root/dump-new
kill_everywhere undo
mariadb_version | grep -F 11.8
mariadb_upgraded
same_dump /root/dump-new
kill_everywhere commit
zfs list -t all -r tank
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/mysql')" ]
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
same_dump /root/dump-new
