#!/bin/bash
# DESCRIPTION: a standby of 7.0.5.31.0 beside 8.0.2 (the stand-in for Messaging Server), fed by passes of imsbackup and imsrestore, takes over while mail comes in and users read, flag, move and delete; its feed and its server are killed before; a mailbox that a pass cannot take away gives the switch up; undo, commit
# STRATEGY: the record of what the servers acknowledged is compared with queue and store: every accepted message once, flags and deletions as users left them; the time in which no message was accepted; nothing is left of the standby
# stage: messaging-upgraded
# uses: backout messaging
# when: all
# limit: 1800
set -Eeuo pipefail
. /case/guest/pool.sh
. /case/guest/messaging.sh
. /case/guest/backout.sh
. /case/guest/standby.sh
trap 'touch /root/enough; backout status || true; units_said messaging; zfs list -t all -r tank; grep -F /run/backout /proc/mounts || true' ERR

# client: mail comes in, a message at a time, and users work, all the time. What was accepted stands in the record; when, in /root/acknowledged.
client() {
  local n=0
  while [ ! -e /root/enough ]; do
    n=$((n + 1))
    if mail 1 "client-$n" 2>/dev/null; then echo "$n $EPOCHREALTIME" >>/root/acknowledged; fi
    if [ $((n % 4)) = 0 ]; then users 12 >/dev/null 2>&1 || true; fi
    sleep 0.1
  done
}

"$MSG/bin/start-msg"
client &
client=$!
echo "== standby, while mail comes in"
backout standby start --yes
backout status
echo "== the feed is killed, and the standby"
for unit in backout-feed-messaging.service backout-standby-messaging.service; do
  kill -9 "$(main_pid "$unit")"
  sleep 3
done
expect 0 backout status
backout standby start --yes
echo "== a mailbox was removed: a pass does not take it away, the proof finds it, and the service is open again"
"$MSG/bin/mboxutil" -c user/ann/Gone
sleep 2
backout standby start --yes
"$MSG/bin/mboxutil" -d user/ann/Gone
expect 1 backout downgrade "${DOWN[@]}" --yes --deadline 5m 2>&1 | tee /root/said
grep -F 'user/ann/Gone' /root/said
messaging_version | grep -F 8.0.2
accepted=$(wc -l </root/acknowledged)
until [ "$(wc -l </root/acknowledged)" -gt "$accepted" ]; do sleep 1; done
backout standby stop --yes
nothing_of_a_standby
backout standby start --yes
echo "== the switch"
cp "$RECORD" /root/record-upgraded
since=$EPOCHREALTIME
backout downgrade "${DOWN[@]}" --yes --deadline 5m
messaging_version | grep -F 7.0.5.31.0
sleep 2
client_ended "$client" "$since"
backout report
drained
audit
nothing_of_a_standby
# It is the installed one that serves.
pgrep -f "^$MSG/lib/imapd $MSG" >/dev/null
echo "== undo: what came in since stays aside; commit"
backout undo --yes
messaging_version | grep -F 8.0.2
record_back_to /root/record-upgraded asked
drained
audit
backout commit --yes
[ "$(zfs list -H -o name -r tank)" = "$(printf '%s\n' tank tank/queue tank/store tank/store/index tank/store/mboxlist tank/store/messages)" ]
audit
