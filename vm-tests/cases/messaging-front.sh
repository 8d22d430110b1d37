#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in) on a host without a store: packages and configuration go back; the queue stays; killed at every point, undone, done again
# STRATEGY: what was accepted into the queue exists once, whatever version runs; this playbook refuses a host with a store, and the other one refuses this host
# stage: none
# uses: backout messaging
# when: all
# faults: killed
# limit: 1800
set -euo pipefail
. /case/guest/messaging.sh
. /case/guest/backout.sh
messaging_installed 7.0.5.31.0
echo "== a host with a store is refused, and one without by the playbook for stores"
messaging_site_of messaging-server-front '' 'role = "mta"'
expect 3 backout check | tee /root/said
grep -F 'there is no mailbox list on this host' /root/said
"$MSG/bin/stop-msg"
rm -r "$VAR/data/store"
echo 'components = ens dispatcher job_controller' >>"$VAR/config/msg.conf"
"$MSG/bin/start-msg"
messaging_site_of messaging-server 'rollback = "none"' 'role = "mta"'
expect 3 backout check | tee /root/said
grep -F 'this host has a message store' /root/said
grep -F 'messaging-server-front' /root/said
messaging_site_of messaging-server-front ''
expect 2 backout check 2>&1 | tee /root/said
grep -F 'role' /root/said
messaging_site_of messaging-server-front '' 'role = "store"'
expect 3 backout check >/dev/null
messaging_site_of messaging-server-front 'datasets = ["tank/store"]' 'role = "mta"'
expect 2 backout check
messaging_site_of messaging-server-front '' 'role = "mta"'
backout check | tee /root/said
grep -F 'way back: packages and configuration' /root/said
mail 20 before
audit
cp "$VAR/config/msg.conf" /root/msg.conf
kill_everywhere upgrade "${UP[@]}"
messaging_version | grep -F 8.0.2
mail 10 after
audit
echo 'changed.on.new = yes' >>"$VAR/config/msg.conf"
backout plan downgrade
expect 2 backout downgrade --keep --yes
before=$(accepted)
mail_meanwhile
kill_everywhere downgrade "${DOWN[@]:0:2}"
mail_ends "$before"
messaging_version | grep -F 7.0.5.31.0
cmp /root/msg.conf "$VAR/config/msg.conf"
audit
kill_everywhere undo
messaging_version | grep -F 8.0.2
grep -F changed.on.new "$VAR/config/msg.conf"
audit
crash_at reinstall:started downgrade "${DOWN[@]:0:2}"
backout abort --yes
messaging_version | grep -F 8.0.2
backout downgrade --yes "${DOWN[@]:0:2}"
messaging_version | grep -F 7.0.5.31.0
mail 3 last
audit
backout commit --yes
backout status
