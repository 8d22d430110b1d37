#!/bin/bash
# DESCRIPTION: how long clients are shut out: backout's downgrade, and the same steps by hand, in one guest
# STRATEGY: downgrade with backout, undo, downgrade with the plain script; both end with the same dump; the times are printed, and decide nothing
# stage: backout-upgraded
# uses: backout
# when: all
# limit: 2400
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
. /case/guest/downtime.sh
backout downgrade --keep --yes
same_dump /root/dump-new
printf 'backout: clients were shut out for %d s\n' "$(shut_out)" | tee /result/downtime
backout undo --yes
mariadb_upgraded
downgrade_by_hand /root/dump-new
sed -n 's/^clients/by hand: clients/p' /root/by-hand | tee -a /result/downtime
cat /result/downtime
