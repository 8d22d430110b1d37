#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in) comes back from 8.0.2 to 7.0.5.31.0 by rollback while mail keeps coming in; a rollback alone, or a reinstall alone, loses mail or flags
# STRATEGY: the record of what the servers acknowledged is compared with queue and store; then the naive ways on the same guest, which must be seen to lose
# stage: messaging-upgraded
# uses: backout messaging
# when: all
# limit: 1800
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/messaging.sh
. /case/guest/backout.sh
"$MSG/bin/start-msg"
before=$(accepted)
mail_meanwhile
backout downgrade "${DOWN[@]}" --in-place --yes
mail_ends "$before"
messaging_version | grep -F 7.0.5.31.0
drained
audit
backout commit --yes
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]

echo "== without backout: a snapshot, the upgrade, mail; then back by hand, one half of it each time"
"$MSG/bin/stop-msg"
zfs snapshot -r tank/store@before
/srv/installers/8.0.2/commpkg upgrade --silent NONE
"$MSG/bin/start-msg"
mail 10 naive
drained
users 20
audit
"$MSG/bin/stop-msg"
/srv/installers/8.0.2/commpkg uninstall --silent NONE
/srv/installers/7.0.5.31.0/commpkg install --silent NONE
echo "-- reinstalled alone"
expect 1 "$MSG/bin/start-msg" 2>&1 | tee /root/said
grep -F 'invalid format' /root/said
zfs snapshot -r tank/store@reinstalled
"$MSG/bin/reconstruct" -m
"$MSG/bin/reconstruct" -r
expect 1 audit | tee /root/said
grep -F 'changed: ' /root/said
echo "-- rolled back as well, and nothing else"
for dataset in tank/store tank/store/mboxlist tank/store/index tank/store/messages; do zfs rollback -r "$dataset@before"; done
"$MSG/bin/start-msg"
expect 1 audit | tee /root/said
grep -F 'lost: naive' /root/said
