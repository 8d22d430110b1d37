#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in), two hosts: users move to the new one in batches while both serve, and back; killed at every point
# STRATEGY: what both servers accepted exists once, on the host that the directory names, with its flags, through every move, kill, abort and way back
# stage: none
# uses: backout messaging
# faults: killed
# limit: 3600
set -euo pipefail
. /case/guest/messaging.sh
. /case/guest/backout.sh
. /case/guest/coexistent.sh
two_hosts
echo "== what stands in the way is said, and nothing is touched"
expect 2 backout migrate --yes
expect 2 backout upgrade --yes
users_are 'mail1 active'
for wrong in '--user nobody' '--user ../ann' '--user ann --back'; do
  # shellcheck disable=SC2086
  expect 3 backout migrate $wrong --yes
done
directory hold ben
expect 3 backout migrate --user ben --yes "${UP[@]:0:2}" "${UP[@]:2}" | tee /root/said
directory assign ben mail1
"$NEW/bin/stop-msg"
mv "$NEW/bin/imsimta" "$NEW/bin/imsimta.gone"
expect 3 backout check
mv "$NEW/bin/imsimta.gone" "$NEW/bin/imsimta"
"$NEW/bin/start-msg"
expect 3 backout migrate --user ann --yes
[ ! -e /var/lib/backout/changes ] || [ -z "$(ls /var/lib/backout/changes)" ]
backout check
backout migrate --user ann --dry-run
echo "== a first, friendly user, while mail comes in"
both_meanwhile
backout migrate --user ann "${UP[@]}" --yes
grep -Fx 'mailHost: mail2' /srv/directory/ann
backout status
echo "== the others, a few at a time, killed at every point"
kill_everywhere migrate --all --batch 2
users_are 'mail2 active'
both_end
audit_both
expect 2 backout migrate --all --yes
echo "== users work on the new host; one moves back, with what changed, and comes again"
standin imap --home "$NEW" --record "$RECORD" --count 12
mail_to "$NEW" 6 new
audit_both
backout migrate --back --user ben --yes
grep -Fx 'mailHost: mail1' /srv/directory/ben
audit_both
standin imap --home "$MSG" --record "$RECORD" --count 6
mail_to "$MSG" 6 back
drained_both
audit_both
echo "== not everybody is there: the change is not closed"
expect 3 backout commit --yes
kill_everywhere migrate --user ben
audit_both
echo "== given up in the middle: they are served where they were"
crash_at restore:5.1:applied migrate --back --user cleo
backout status || true
backout abort --yes
grep -Fx 'mailHost: mail2' /srv/directory/cleo
grep -Fx 'mailUserStatus: active' /srv/directory/cleo
audit_both
fault "abort while users move" resumed
echo "== a user who is on the other host may be served there: no way back but to finish"
crash_at assign-users:one migrate --back --user cleo --user ben --batch 2
expect 3 backout abort --yes
backout resume
audit_both
backout migrate --user cleo --user ben --yes
echo "== a restore that leaves something out: shown, and the user stays where they are"
mail_to "$NEW" 3 more
drained_both
printf 'imsbackup lie once\n' >"$NEWVAR/misbehave"
status=0
backout migrate --back --user ann --yes || status=$?
[ "$status" = 1 ]
backout resume
grep -Fx 'mailHost: mail1' /srv/directory/ann
sed -i 's/^restore.E.*//' "$NEWVAR/config/msg.conf"
backout migrate --user ann --yes
audit_both
echo "== somebody ends the hold in the middle: the backup is made again"
crash_at capture:11.1:done migrate --back --user ann
directory assign ann mail2
mail_to "$NEW" 3 meanwhile
drained_both
backout resume | tee /root/said
grep -F 'found undone' /root/said
audit_both
backout migrate --user ann --yes
users_are 'mail2 active'
[ -z "$(find "/var/lib/backout/changes/$(change_id)/capture" -type f)" ]
backout commit --yes
backout status
