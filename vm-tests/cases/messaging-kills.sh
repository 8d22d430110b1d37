#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in): downgrade, undo and downgrade in place are killed (SIGKILL) at every point, and resumed each time, while mail goes on coming in
# STRATEGY: afterwards every message that the servers accepted is in queue or store exactly once, flags and deletions as users left them
# stage: messaging-upgraded
# uses: backout messaging
# faults: yes
# when: all
# limit: 3000
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/messaging.sh
. /case/guest/backout.sh
"$MSG/bin/start-msg"
cp "$RECORD" /root/record-upgraded
echo "== downgrade, the upgraded state is kept"
before=$(accepted)
mail_meanwhile 5000
kill_everywhere downgrade "${DOWN[@]}" --keep
mail_ends "$before"
messaging_version | grep -F 7.0.5.31.0
drained
audit
echo "== undo"
kill_everywhere undo
messaging_version | grep -F 8.0.2
record_back_to /root/record-upgraded
audit
echo "== downgrade in place"
before=$(accepted)
mail_meanwhile 5000
kill_everywhere downgrade "${DOWN[@]}" --in-place
mail_ends "$before"
messaging_version | grep -F 7.0.5.31.0
drained
audit
backout commit --yes
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
