#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in) upgraded side by side: installed beside the active version while that serves, a link exchanged; down by the link, undone, and upgraded again later
# STRATEGY: killed at every point of each procedure while mail comes in; the record of what the servers acknowledged is compared with queue and store; links checked in both installations
# stage: none
# uses: backout messaging
# when: all
# faults: killed
# limit: 3000
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/messaging.sh
. /case/guest/backout.sh
pool_create tank 1G
store_datasets
zfs create -o "mountpoint=$VAR/data/queue" tank/queue
installers
/srv/installers/7.0.5.31.0/commpkg install --installroot /opt/ucs0 --silent NONE
/opt/ucs0/messaging64/bin/configure
mkdir /opt/ucs
ln -s /opt/ucs0/messaging64 /opt/ucs/msg
MSG=/opt/ucs/msg
TO=8.0.1
"$MSG/bin/start-msg"
mail 40 before
drained
users 30
audit
side_by_side() { # NEW-INSTALLROOT
  messaging_site_of messaging-server 'datasets = ["tank/store"]
strategy = "side-by-side"' 'root = "/opt/ucs/msg"' "new_installroot = \"$1\"" 'margin = "1 second"'
}
# links ACTIVE INACTIVE: the link leads to the active one, which alone has links to the data.
links() {
  [ "$(readlink /opt/ucs/msg)" = "$1/messaging64" ]
  for name in data config log; do
    [ "$(readlink -f "$1/messaging64/$name")" = "$VAR/$name" ] || { ls -l "$1/messaging64"; return 1; }
    [ ! -e "$2/messaging64/$name" ] && [ ! -L "$2/messaging64/$name" ] || { ls -l "$2/messaging64"; return 1; }
  done
}
echo "== what is refused"
side_by_side /opt/ucs0
expect 3 backout check | tee /root/said
grep -F 'installed over the active one' /root/said
mv /opt/ucs/msg /opt/ucs/msg.away
cp -a /opt/ucs0/messaging64 /opt/ucs/msg
side_by_side /opt/ucs1
expect 3 backout check | tee /root/said
grep -F 'is not a symbolic link' /root/said
rm -r /opt/ucs/msg
mv /opt/ucs/msg.away /opt/ucs/msg
backout check
backout plan
sleep 3
echo "== up, killed at every point; the old distribution is not needed for the way back"
mv /srv/installers/7.0.5.31.0 /root/
kill_everywhere upgrade "${UP[@]}"
messaging_version | grep -F 8.0.1
/opt/ucs0/messaging64/bin/imsimta version | grep -F 7.0.5.31.0
links /opt/ucs1 /opt/ucs0
mail 30 after
drained
users 50
audit
cp "$RECORD" /root/record-upgraded
echo "== down by the link"
before=$(accepted)
mail_meanwhile 3000
kill_everywhere downgrade "${DOWN[@]}" --keep
mail_ends "$before"
messaging_version | grep -F 7.0.5.31.0
links /opt/ucs0 /opt/ucs1
drained
audit
echo "== undo, and given up"
kill_everywhere undo
messaging_version | grep -F 8.0.1
links /opt/ucs1 /opt/ucs0
record_back_to /root/record-upgraded
audit
crash_at reinstall:started downgrade "${DOWN[@]}" --keep
backout abort --yes
links /opt/ucs1 /opt/ucs0
audit
crash_at restore:started downgrade "${DOWN[@]}" --keep
backout abort --yes
links /opt/ucs1 /opt/ucs0
audit
backout commit --yes
echo "== the subsequent upgrade goes to the inactive installation, and back"
TO=8.0.2
side_by_side /opt/ucs0
sleep 3
backout plan --commands | tee /root/said
grep -F 'commpkg upgrade --comp=MS64 --installroot /opt/ucs0' /root/said
kill_everywhere upgrade "${UP[@]}"
messaging_version | grep -F 8.0.2
links /opt/ucs0 /opt/ucs1
mail 10 later
drained
users 10
audit
backout downgrade "${DOWN[@]}" --in-place --yes
messaging_version | grep -F 8.0.1
links /opt/ucs1 /opt/ucs0
audit
backout commit --yes
[ -z "$(zfs list -H -t snapshot -o name -r tank)" ]
