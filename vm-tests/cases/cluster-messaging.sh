#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in) under Solaris Cluster (stand-in) on two nodes, with the agent: up and down again, node by node; out of order is refused
# STRATEGY: a probe that starts what is down is never needed while backout works; mail accepted on either node is there once, with its flags, after the way back
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
says() { grep -F -- "$1" /root/said || { cat /root/said; return 1; }; }
# refused NODE WORDS VERB...
refused() {
  local node=$1 words=$2
  shift 2
  expect 3 on_node "$node" backout "$@" --yes >/root/said 2>&1 || { cat /root/said; return 1; }
  says "$words"
}
is_on() { [ "$(on_node "$1" "$MSG/bin/imsimta" version | grep -c -F "$2")" = 1 ]; }
probed() { wc -l </global/sc/restarts; }

echo "== two nodes; data, configuration and queue on the shared pool"
global_folder
shared_pool tank
zfs create -o "mountpoint=$VAR" tank/ms
store_datasets
here_and_there bash -c '. /case/guest/messaging.sh; installers; /srv/installers/7.0.5.31.0/commpkg install --silent NONE; mkdir -p /var/sadm/install'
"$MSG/bin/configure"
for link in data config log; do on_node 2 ln -sfn "$VAR/$link" "$MSG/$link"; done
"$MSG/bin/start-msg"
mail 40 before
drained
users 20
audit
solaris_cluster node1 "$MSG"
messaging_site_of messaging-server 'datasets = ["tank/store"]' 'marks = "/global/marks"' 'margin = "1 second"'
sed -i '/^\[variables\]/i [cluster]\nnodes = ["node1", "node2"]\nagent = true' /etc/backout/site.toml
to_node 2 /etc/backout/site.toml
sleep 2

echo "== refused: an agent that is in non-global zones; the other node first; a resource that is disabled already"
refused 1 'commpkg uninstall in every one of them' upgrade "${UP[@]}"
here_and_there bash -c 'echo SUNWscims >/var/sadm/install/gz-only-packages'
refused 2 'out of order' upgrade
scswitch -n -j msg-rs
refused 1 'was told already to leave the service alone' upgrade "${UP[@]}"
scswitch -e -j msg-rs
before=$(probed)
backout check
on_node 2 backout check

echo "== up: the node with the data, then the other, then the cluster has it again"
crash_at leave-alone:done upgrade "${UP[@]}"
crash_at_resume upgrade:started
expect 6 backout resume >/root/said 2>&1 || { cat /root/said; false; }
says 'on node2: backout upgrade'
mail 10 open
on_node 2 backout upgrade --yes
backout resume
is_on 1 8.0.2
is_on 2 8.0.2
for node in 1 2; do on_node "$node" /srv/installers/8.0.2/commpkg info | grep -F 'MS_SCHA 8.0.2'; done
[ "$(scha_resource_get -O ON_OFF_SWITCH -R msg-rs)" = ENABLED ]
drained
users 15
audit
scswitch -z -g msg-rg -h node2
on_node 2 "$MSG/bin/imcheck" -s
refused 1 'the data is on another node' downgrade "${DOWN[@]}"
scswitch -z -g msg-rg -h node1
mail 20 after
drained
users 25
audit

echo "== down, killed on the way"
refused 2 'out of order' downgrade
crash_at capture:done downgrade "${DOWN[@]}" --keep
crash_at_resume restore:started
sleep 10
expect 6 backout resume >/root/said 2>&1 || { cat /root/said; false; }
says 'on node2: backout downgrade'
# ssh has a status of its own for a command that a signal ended.
crash_on_2() { expect_one_of 137 255 on_node 2 env BACKOUT_CRASH_AT="$1" BACKOUT_CRASH_LOG=/root/crash-point "${@:2}"; }
crash_on_2 reinstall:started backout downgrade --yes
on_node 2 backout resume
backout resume
is_on 1 7.0.5.31.0
is_on 2 7.0.5.31.0
audit
scswitch -z -g msg-rg -h node2
on_node 2 "$MSG/bin/imcheck" -s
scswitch -z -g msg-rg -h node1
mail 5 last
drained
audit
fault "kill -9 on a node of a cluster" resumed 5
# It never had to start anything: backout had told it each time.
[ "$(probed)" = "$before" ] || { cat /global/sc/restarts; exit 1; }
backout commit --yes
on_node 2 backout commit --yes
audit
