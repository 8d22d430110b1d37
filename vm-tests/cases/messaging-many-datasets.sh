#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in) with eight partitions on datasets of two pools: one snapshot for each pool, all go back, in both kinds, killed at every point
# STRATEGY: users in every partition; the plan names both pools; the record of what the servers acknowledged is compared with queue and store
# stage: none
# uses: backout messaging
# when: all
# faults: killed
# limit: 3600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/messaging.sh
. /case/guest/backout.sh
pool_create tank 1G
pool_create pond 1G 8
store=$VAR/data/store
zfs create -p -o "mountpoint=$store" -o atime=off tank/store
for dataset in mboxlist index messages messages/primary messages/p2 messages/p3 messages/p4; do zfs create "tank/store/$dataset"; done
zfs create -o mountpoint=none -o canmount=off pond/store
for dataset in p5 p6 p7 p8; do zfs create -o "mountpoint=$store/messages/$dataset" "pond/store/$dataset"; done
zfs create -o "mountpoint=$VAR/data/queue" tank/queue
installers
/srv/installers/7.0.5.31.0/commpkg install --silent NONE
"$MSG/bin/configure"
echo 'partitions = p2 p3 p4 p5 p6 p7 p8' >>"$VAR/config/msg.conf"
"$MSG/bin/start-msg"
# a to h: one in each partition.
everyone=a,b,c,d,e,f,g,h
mail_to_all() { [ "$(standin deliver --home "$MSG" --record "$RECORD" --users "$everyone" --count "$1" --name "$2")" = "$1 accepted" ]; }
mail_to_all 80 before
drained
users 60
audit
for partition in primary p2 p3 p4 p5 p6 p7 p8; do [ -n "$(find "$store/messages/$partition" -name '*.msg')" ]; done
messaging_site_of messaging-server 'datasets = ["tank/store", "pond/store"]' 'partitions = "primary p2 p3 p4 p5 p6 p7 p8"' 'margin = "1 second"'
sleep 3
backout check | tee /root/said
grep -F 'The datasets are on 2 pools' /root/said
backout plan --commands | tee /root/said
grep -F 'tank/store/messages/p4@' /root/said
grep -F 'pond/store/p8@' /root/said
kill_everywhere upgrade "${UP[@]}"
messaging_version | grep -F 8.0.2
# All of a pool at one instant.
for pool in tank pond; do [ "$(zfs list -Hp -t snapshot -o createtxg -r "$pool" | sort -u | wc -l)" = 1 ]; done
mail_to_all 80 after
drained
users 90
audit
cp "$RECORD" /root/record-upgraded
echo "== kept"
before=$(accepted)
mail_meanwhile 4000
kill_everywhere downgrade "${DOWN[@]}" --keep
mail_ends "$before"
messaging_version | grep -F 7.0.5.31.0
drained
audit
kill_everywhere undo
messaging_version | grep -F 8.0.2
record_back_to /root/record-upgraded
audit
echo "== in place"
kill_everywhere downgrade "${DOWN[@]}" --in-place
messaging_version | grep -F 7.0.5.31.0
audit
backout commit --yes
for pool in tank pond; do [ -z "$(zfs list -H -t snapshot -o name -r "$pool")" ]; done
zfs list -r tank pond
audit
