#!/bin/bash
# DESCRIPTION: as messaging-upgraded, on a host without ZFS: the store lies on ext4, and the way back is a backup of everything
# stage: none
# uses: backout messaging
# limit: 900
set -euo pipefail
. /case/guest/messaging.sh
. /case/guest/backout.sh
messaging_without_zfs
backout upgrade "${UP[@]}" --yes
messaging_version | grep -F 8.0.2
mail 30 after
drained
users 50
audit
cp "$RECORD" /result/record
