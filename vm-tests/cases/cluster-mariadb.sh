#!/bin/bash
# DESCRIPTION: MariaDB under Pacemaker on two nodes: up and down again, node by node; out of order is refused; the cluster stays out of it, whatever happens meanwhile
# STRATEGY: an independent dump on both nodes, before and after; the group is moved to the other node after each way; kills and a standby in the middle of the downgrade
# stage: cluster
# pair: yes
# uses: backout
# when: all
# faults: yes
# limit: 5400
set -euo pipefail
. /case/guest/pair.sh
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/cluster.sh
. /case/guest/backout.sh
pair_begin

# serves NODE VERSION: the group is there, under the cluster's eyes, and the server has that version.
serves() {
  [ "$(cluster_where db-pool) $(cluster_where db-server)" = "node$1 node$1" ]
  [ "$(cluster_attribute db-server role) $(cluster_attribute db-server managed)" = 'Started true' ]
  on_node "$1" mariadb --skip-ssl -BN -e 'SELECT version()' | grep -F "$2"
}
same_on() {
  on_node "$1" env PATH="$PATH" /case/guest/dump.sh >/root/dump-now
  cmp "$2" /root/dump-now
}
says() { grep -F -- "$1" /root/said || { cat /root/said; return 1; }; }
# refused NODE WORDS VERB...
refused() {
  local node=$1 words=$2
  shift 2
  expect 3 on_node "$node" backout "$@" --yes >/root/said 2>&1 || { cat /root/said; return 1; }
  says "$words"
}
# The other node: nothing runs there, nothing starts there at the next boot, nothing is masked.
rests() {
  [ "$(on_node "$1" systemctl is-active mariadb.service || true)" = inactive ]
  [ "$(on_node "$1" systemctl is-enabled mariadb.service || true)" = disabled ]
}

echo "== the cluster serves 10.11"
shared_pool tank
mariadb_on_zfs tank/mysql
mariadb_seed
systemctl disable --quiet --now mariadb.service
zpool export tank
cluster_up
cluster_group tank
cluster_settled
[ "$(cluster_where db-server)" = node1 ] || cluster_move db node1
serves 1 10.11
site_file '[cluster]' 'nodes = ["node1", "node2"]'
printf '%s\n' 'cluster_group = "db"' 'cluster_resource = "db-server"' >>/etc/backout/site.toml
to_node 2 /etc/backout/site.toml
here_and_there apt-get update -qq
/case/guest/dump.sh >/root/dump-old
backout check
on_node 2 backout check
backout plan
on_node 2 backout plan

echo "== upgrade: the node with the data first"
refused 2 'out of order' upgrade
expect 6 backout upgrade --yes >/root/said 2>&1 || { cat /root/said; false; }
cat /root/said
says 'on node2: backout upgrade'
backout status || true
sql -e 'SELECT version()' | grep -F 11.8
expect 6 backout resume >/dev/null 2>&1
# Not under the cluster's eyes yet: it lets everything be.
[ "$(cluster_attribute db-server managed)" = false ]
on_node 2 backout upgrade --yes
rests 2
backout resume
serves 1 11.8
same_dump /root/dump-old
expect 2 backout upgrade --yes
echo "== the other node serves it, too"
cluster_move db node2
serves 2 11.8
on_node 2 mariadb --skip-ssl --default-character-set=utf8mb4 -e 'source /case/guest/write-on-new.sql'
same_on 2 /root/dump-old && { echo "nothing was written" >&2; exit 1; }
on_node 2 env PATH="$PATH" /case/guest/dump.sh >/root/dump-new
refused 1 'the data is on another node' downgrade --keep
refused 2 'the data has come to node2' downgrade
cluster_move db node1

echo "== downgrade, killed in the middle; the cluster stays out of it"
refused 2 'out of order' downgrade
crash_at leave-alone:applied downgrade --keep
crash_at_resume stop:done
crash_at_resume take-place:tank/mysql:done
# What would move the group, or start the server, if the cluster had its hands on it.
crm_standby --node node1 --update on
cluster_settled
crm_resource --resource db --refresh
sleep 30
[ "$(zpool list -H -o name)" = tank ]
[ "$(systemctl is-active mariadb.service || true)" = inactive ]
rests 2
crm_standby --node node1 --delete
cluster_settled
fault "the node of the data is put into standby in the middle" resumed
crash_at_resume restore:started
crash_at_resume start:applied
crash_at_resume mark:done
expect 6 backout resume >/root/said 2>&1 || { cat /root/said; false; }
says 'on node2: backout downgrade'
same_dump /root/dump-new
on_node 2 backout downgrade --yes
rests 2
crash_at_resume hand-back:applied
backout resume
serves 1 10.11
same_dump /root/dump-new
fault "kill -9 on a node of a cluster" resumed 7

echo "== the other node serves it, too; then it is accepted"
cluster_move db node2
serves 2 10.11
same_on 2 /root/dump-new
cluster_move db node1
backout commit --yes
on_node 2 backout commit --yes
serves 1 10.11
crm_mon --one-shot --inactive --failcounts
