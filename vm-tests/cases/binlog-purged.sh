#!/bin/bash
# DESCRIPTION: the binary logs are purged or reset after the upgrade: the downgrade is refused before anything is stopped, and in the middle before anything is destroyed
# STRATEGY: purged between two passes of the capture: it stops, and abort opens the upgraded data; purged before: refused; the files put back: it may begin; reset: refused
# stage: backout-upgraded
# uses: backout
# limit: 1800
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh

echo "== purged in the middle"
crash_at capture:1:done downgrade --in-place
sql -e 'FLUSH BINARY LOGS'
last=$(sql -e 'SHOW BINARY LOGS' | tail -n 1 | cut -f 1)
mkdir /root/binlog
cp -p /var/lib/mysql/mysql-bin.[0-9]* /root/binlog/
sql -e "PURGE BINARY LOGS TO '$last'"
expect 1 backout resume 2>&1 | tee /root/said
grep -F 'cannot be captured whole' /root/said
backout abort --yes
same_dump /root/dump-new

echo "== purged before: refused, whichever way back"
pid=$(pidof mariadbd)
refuses continuity downgrade --in-place
refuses continuity downgrade
grep -F 'it was the last one then' /root/said
expect 3 backout check
expect 0 backout status | tee /root/said
grep -F 'is damaged' /root/said
[ "$(pidof mariadbd)" = "$pid" ]

echo "== the files put back: it may begin"
cp -n -p /root/binlog/* /var/lib/mysql/
backout downgrade --in-place --dry-run
expect 0 backout check

echo "== reset: it begins anew"
find /root/binlog -name 'mysql-bin.*' ! -name "$last*" -printf '/var/lib/mysql/%f\n' | xargs rm -f
sql -e 'RESET MASTER'
refuses continuity downgrade --in-place
same_dump /root/dump-new
