#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in) on a host without ZFS: the complete store is backed up, moved aside and restored; killed at every point, undone, done again
# STRATEGY: no pool is created, the store is on ext4; the record of what the servers acknowledged is compared with queue and store, before and after
# stage: none
# uses: backout messaging
# when: all
# faults: killed
# limit: 2400
set -euo pipefail
. /case/guest/messaging.sh
. /case/guest/backout.sh
messaging_without_zfs
echo "== what is said before"
backout check | tee /root/said
grep -F 'way back: a backup of everything' /root/said
grep -F '[backup]' /root/said
backout plan
expect 2 backout snapshot --yes
expect 3 backout upgrade --yes
messaging_version | grep -F 7.0.5.31.0
kill_everywhere upgrade "${UP[@]}"
messaging_version | grep -F 8.0.2
audit
mail 30 after
drained
users 50
audit
cp "$RECORD" /root/record-upgraded
backout plan downgrade
expect 2 backout downgrade --in-place --yes
echo "== down, killed at every point, while mail comes in"
before=$(accepted)
mail_meanwhile
kill_everywhere downgrade "${DOWN[@]}"
mail_ends "$before"
messaging_version | grep -F 7.0.5.31.0
drained
audit
ls -d "$VAR"/data/store*
[ -d "$VAR/data/store.upgraded" ]
mail 6 open
drained
users 12
audit
backout status
echo "== undo, killed at every point"
kill_everywhere undo
messaging_version | grep -F 8.0.2
record_back_to /root/record-upgraded
audit
echo "== given up half-way"
crash_at restore:started downgrade "${DOWN[@]}"
backout abort --yes
messaging_version | grep -F 8.0.2
audit
echo "== down again, and accepted"
backout downgrade "${DOWN[@]}" --yes
messaging_version | grep -F 7.0.5.31.0
audit
backout commit --yes
[ "$(echo "$VAR"/data/store*)" = "$VAR/data/store" ]
audit
# Not a word of ZFS was needed.
[ "$(zpool list -H 2>/dev/null | wc -l)" = 0 ]
