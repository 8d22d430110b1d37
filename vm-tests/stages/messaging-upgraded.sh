#!/bin/bash
# DESCRIPTION: backout took the stand-in for Messaging Server from 7.0.5.31.0 to 8.0.2; mail has come in since, and users have worked with old and new mail
# stage: messaging-seeded
# uses: backout messaging
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/messaging.sh
. /case/guest/backout.sh
# Only what came since: the proof must not rest on a backup of everything.
messaging_site 'margin = "1 second"'
"$MSG/bin/start-msg"
sleep 3
backout check
backout plan
backout upgrade "${UP[@]}" --yes
messaging_version | grep -F 8.0.2
audit
mail 60 after
drained
users 70
mail 5 last
drained
audit
cp "$RECORD" /result/record
