#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in) under Solaris Cluster (stand-in) on two nodes, both installations on the shared pool: up side by side and down by the link
# STRATEGY: the other node has no part and says so; a probe that starts what is down is never needed; the cluster serves on both nodes after each way, from the link
# stage: two-hosts
# pair: yes
# uses: backout messaging
# when: all
# faults: yes
# limit: 3600
set -euo pipefail
. /case/guest/pair.sh
. /case/guest/pool.sh
. /case/guest/messaging.sh
. /case/guest/solaris-cluster.sh
. /case/guest/backout.sh
pair_begin
MSG=/opt/ucs/msg
probed() { wc -l </global/sc/restarts; }
# over_and_back: the cluster serves on the other node, too.
over_and_back() {
  scswitch -z -g msg-rg -h node2
  on_node 2 "$MSG/bin/imcheck" -s
  expect 3 backout check >/root/said 2>&1
  grep -E 'nothing is to be done on node1|the data is on another node now' /root/said || { cat /root/said; return 1; }
  scswitch -z -g msg-rg -h node1
}

echo "== two nodes; installations, link, data, configuration and queue on the shared pool"
global_folder
shared_pool tank
zfs create -o mountpoint=/opt/ucs tank/ucs
zfs create -o "mountpoint=$VAR" tank/ms
store_datasets
installers
/srv/installers/7.0.5.31.0/commpkg install --installroot /opt/ucs/old --silent NONE
/opt/ucs/old/messaging64/bin/configure
ln -s /opt/ucs/old/messaging64 "$MSG"
"$MSG/bin/start-msg"
mail 40 before
drained
users 20
audit
solaris_cluster node1 "$MSG"
messaging_site_of messaging-server 'datasets = ["tank/store"]
strategy = "side-by-side"' "root = \"$MSG\"" 'new_installroot = "/opt/ucs/new"' 'marks = "/global/marks"' 'margin = "1 second"'
sed -i '/^\[variables\]/i [cluster]\nnodes = ["node1", "node2"]' /etc/backout/site.toml
expect 2 backout check
sed -i 's/^nodes = .*/&\nshared_installation = true/' /etc/backout/site.toml
to_node 2 /etc/backout/site.toml
expect 3 on_node 2 backout upgrade "${UP[@]}" --yes >/root/said 2>&1
grep -F 'nothing is to be done on node2' /root/said || { cat /root/said; false; }
before=$(probed)
backout check
sleep 2

echo "== up, killed on the way; nobody else is waited for"
crash_at leave-alone:done upgrade "${UP[@]}"
sleep 10
backout resume
messaging_version | grep -F 8.0.2
[ "$(scha_resource_get -O ON_OFF_SWITCH -R msg-rs)" = ENABLED ]
[ "$(cat /global/sc/IMS_serverroot)" = "$MSG" ]
mail 10 after
drained
over_and_back
users 20
mail 10 later
drained
audit

echo "== down by the link, killed on the way"
crash_at restore:started downgrade "${DOWN[@]}" --keep
sleep 10
backout resume
messaging_version | grep -F 7.0.5.31.0
audit
over_and_back
mail 5 last
drained
audit
fault "kill -9 on a node of a cluster" resumed 2
[ "$(probed)" = "$before" ] || { cat /global/sc/restarts; exit 1; }
backout commit --yes
audit
