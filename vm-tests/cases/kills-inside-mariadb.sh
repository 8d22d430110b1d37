#!/bin/bash
# DESCRIPTION: MariaDB: the tool is killed from outside, alone and with everything that it started, within the installation of packages and within the replay of the binary log
# STRATEGY: a replay that outlives the tool must be ended before the next one begins; a mariadb-server that was interrupted while it was unpacked, or within its scripts, is repaired, and no script of the wrong version sees the data; then the dumps must be identical
# stage: backout-upgraded
# uses: backout
# faults: killed
# when: all
# limit: 5400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
. /case/guest/kill.sh
kill_seed

echo "== downgrade, the upgraded state is kept: the tool alone"
kill_along alone KILL downgrade --keep --yes -- "inventory:rows child mariadb" "reinstall dpkg $(between 1 40)" \
  "restore child mariadb" "restore child mariadb within 1000"
mariadb_version | grep -F 10.11
same_dump /root/dump-new
proved

echo "== undo: all of it"
kill_along all KILL undo --yes -- "upgrade-again unpacks mariadb-server" "upgrade-again dpkg $(between 1 30)" "upgrade-again dpkg $(between 1 30)"
mariadb_version | grep -F 11.8
mariadb_upgraded
same_dump /root/dump-new
proved

echo "== downgrade in place: all of it"
kill_along all KILL downgrade --in-place --yes -- "capture within 500" "reinstall unpacks mariadb-server" \
  "reinstall dpkg $(between 1 15)" "reinstall dpkg $(between 16 40)" \
  "restore child mariadb within 500"
mariadb_version | grep -F 10.11
same_dump /root/dump-new
proved
