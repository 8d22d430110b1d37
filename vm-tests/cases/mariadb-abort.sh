#!/bin/bash
# DESCRIPTION: a downgrade is stopped by SIGTERM, and another interrupted after the swap of the datasets; abort returns to the upgraded state each time
# STRATEGY: stop at chosen steps, look at status, abort, compare dumps; after the point of no return abort must refuse, and resume must succeed
# stage: backout-upgraded
# uses: backout
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
echo "== asked to stop while it lists the rows"
stop_at inventory:rows TERM downgrade --keep
expect 4 backout status | tee /root/said
grep -F 'The service is closed to its clients.' /root/said
backout abort --yes
backout status
same_dump /root/dump-new
echo "== cut off after the exchange of the datasets"
crash_at take-place:tank/mysql:done downgrade --keep
expect 4 backout status
backout abort --yes
mariadb_version | grep -F 11.8
same_dump /root/dump-new
[ "$(zfs list -H -o name -r tank)" = "$(printf 'tank\ntank/mysql\ntank/mysql.reserve')" ]
echo "== beyond the point of no return"
crash_at rollback:applied downgrade --in-place
expect 4 backout status
expect 3 backout abort --yes
backout resume
mariadb_version | grep -F 10.11
same_dump /root/dump-new
expect 3 backout undo --yes
