#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in) comes back from 8.0.2 to 7.0.5.31.0 while mail keeps coming in; the upgraded state is kept, undo returns to it, and down again
# STRATEGY: the record of what the servers acknowledged is compared with queue and store: every accepted message once, flags and deletions as users left them
# stage: messaging-upgraded
# uses: backout messaging
# when: all
# limit: 1800
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/messaging.sh
. /case/guest/backout.sh
"$MSG/bin/start-msg"
cp "$RECORD" /root/record-upgraded
before=$(accepted)
backout plan downgrade
mail_meanwhile
backout downgrade "${DOWN[@]}" --keep --yes
mail_ends "$before"
messaging_version | grep -F 7.0.5.31.0
drained
audit
# It is open: mail comes in, users work.
mail 6 open
drained
users 12
audit
backout status
echo "== undo: what came in since stays aside; what was there before is there"
backout undo --yes
messaging_version | grep -F 8.0.2
record_back_to /root/record-upgraded
audit
echo "== downgrade again, and commit"
backout downgrade "${DOWN[@]}" --keep --yes
messaging_version | grep -F 7.0.5.31.0
audit
backout commit --yes
zfs list -t all -r tank
[ "$(zfs list -H -o name -r tank)" = "$(printf '%s\n' tank tank/queue tank/store tank/store/index tank/store/mboxlist tank/store/messages)" ]
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
audit
