#!/bin/bash
# DESCRIPTION: a downgrade in place is killed (SIGKILL) at every point of every step, one after the other, and resumed each time
# STRATEGY: the tool kills itself at each point that it reaches for the first time; `backout resume` until it is through; then the dumps must be identical
# stage: backout-upgraded
# uses: backout
# faults: yes
# when: all
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
kill_everywhere downgrade --in-place
mariadb_version | grep -F 10.11
same_dump /root/dump-new
backout log
backout commit --yes
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
