#!/bin/bash
# DESCRIPTION: two Pacemaker nodes, MariaDB on a pool on a shared disk: failover, then MariaDB is taken out of the cluster's control and given back, by hand
# STRATEGY: rows exist after a move and a standby; with only MariaDB disabled, the pool stays and the cluster starts nothing, whatever is done by hand; a refresh stops it, unless it is unmanaged; then it serves again
# stage: cluster
# pair: yes
# when: all
# limit: 3600
set -euo pipefail
. /case/guest/pair.sh
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/cluster.sh
pair_begin

# shown CMD...: what an operator would see: the command, its output, its exit status and how long it took.
shown() {
  local status=0 began=$EPOCHREALTIME
  printf '# %s\n' "$*"
  "$@" 2>/root/err || status=$?
  sed 's/^/stderr: /' /root/err
  awk -v s="$status" -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "# exit status %d, %.1f s\n", s, b - a }'
}

part() { printf '\n== %s\n' "$*"; }

# serves NODE ROWS: the group is on that node and on no other, and has so many rows.
serves() {
  local other=$((3 - $1))
  [ "$(cluster_where db-pool) $(cluster_where db-server)" = "node$1 node$1" ]
  [ "$(on_node "$1" zpool list -H -o name)" = tank ]
  [ -z "$(on_node "$other" zpool list -H -o name)" ]
  [ "$(on_node "$1" systemctl is-active mariadb.service)" = active ]
  [ "$(on_node "$other" systemctl is-active mariadb.service || true)" = inactive ]
  [ "$(on_node "$1" mariadb -BN -e 'SELECT COUNT(*) FROM shop.t')" = "$2" ]
}

row_on() { on_node "$1" mariadb -e "INSERT INTO shop.t (said) VALUES ('node$1')"; }

is() { [ "$(systemctl is-active mariadb.service)" = "$1" ]; }
is_not() { ! is "$1"; }
restarted() { [ "$(systemctl show -p NRestarts --value mariadb.service)" = 1 ]; }

# stays STATE SECONDS: MariaDB is in that state here, the pool is imported here and nothing runs there, all the time.
stays() {
  local until=$((SECONDS + $2))
  while [ "$SECONDS" -lt "$until" ]; do
    is "$1" || { echo "MariaDB is no longer $1" >&2; return 1; }
    [ "$(zpool list -H -o name) $(cluster_where db-pool)" = "tank node1" ] || { echo "the pool is no longer here" >&2; return 1; }
    sleep 2
  done
  [ "$(on_node 2 systemctl is-active mariadb.service || true)" = inactive ]
  echo "MariaDB stayed $1 for $2 s, the pool stayed imported"
}

part "a pool on the shared disk, with MariaDB's data; the cluster takes both over"
shared_pool tank
mariadb_on_zfs tank/mysql
sql -e 'CREATE DATABASE shop; CREATE TABLE shop.t (id INT AUTO_INCREMENT PRIMARY KEY, said TEXT)'
systemctl disable --quiet --now mariadb.service
zpool export tank
cluster_up
cluster_group tank
cluster_settled
[ "$(cluster_where db-server)" = node1 ] || cluster_move db node1
row_on 1
serves 1 1
shown crm_mon --one-shot --inactive
shown crm_resource --resource db --locate
shown systemctl show -p UnitFileState,Restart,DropInPaths mariadb.service

part "moved to node2, and the constraint cleared"
shown crm_resource --resource db --move --node node2
shown crm_resource --wait --timeout 600
shown crm_resource --resource db --clear
shown crm_resource --wait --timeout 600
serves 2 1
row_on 2

part "node2 in standby: the group comes back"
shown crm_standby --node node2 --update on
shown crm_resource --wait --timeout 600
serves 1 2
shown crm_standby --node node2 --delete
shown crm_resource --wait --timeout 600
serves 1 2

part "MariaDB alone is disabled: the pool stays"
shown crm_resource --resource db-server --meta --set-parameter target-role --parameter-value Stopped
shown crm_resource --wait --timeout 600
shown crm_resource --resource db-server --locate
shown crm_resource --resource db-server --locate --output-as xml
shown crm_resource --resource db-pool --locate --output-as xml
shown crm_resource --resource db --locate --output-as xml
shown crm_resource --resource db-server --meta --get-parameter target-role
shown crm_resource --resource db-server --meta --get-parameter is-managed
shown crm_resource --resource nothing --locate
shown crm_mon --one-shot --output-as xml
shown systemctl show -p UnitFileState,Restart,DropInPaths mariadb.service
[ "$(cluster_attribute db-server role) $(cluster_attribute db-server target_role) $(cluster_attribute db-server managed)" = 'Stopped Stopped true' ]
stays inactive 60

part "started by hand meanwhile: the cluster does not see it"
shown systemctl start mariadb.service
stays active 60
row_on 1
[ "$(cluster_attribute db-server role)" = Stopped ]

part "killed meanwhile: systemd starts it again, as no cluster has the unit now"
pkill -KILL -x mariadbd
until_true 120 restarted
until_true 120 is active
shown systemctl show -p NRestarts,Restart mariadb.service
stays active 20

part "stopped by hand meanwhile: nobody starts it"
shown systemctl stop mariadb.service
stays inactive 60

part "started by hand, then a refresh: the cluster finds it, and stops it"
systemctl start mariadb.service
shown crm_resource --resource db-server --refresh
shown crm_resource --wait --timeout 600
until_true 120 is inactive
stays inactive 10

part "disabled and unmanaged: a refresh finds it, and leaves it alone"
cluster_unmanage db-server
systemctl start mariadb.service
shown crm_resource --resource db-server --refresh
shown crm_resource --wait --timeout 600
stays active 60
shown crm_mon --one-shot --inactive
[ "$(cluster_attribute db-server role) $(cluster_attribute db-server target_role) $(cluster_attribute db-server managed)" = 'Started Stopped false' ]
shown systemctl stop mariadb.service
stays inactive 60
shown crm_mon --one-shot --inactive --failcounts

part "its pool unmanaged too: a standby of this node does not take it away"
cluster_unmanage db-pool
shown crm_standby --node node1 --update on
shown crm_resource --wait --timeout 600
stays inactive 30
shown crm_standby --node node1 --delete
cluster_manage db-pool
cluster_manage db-server
stays inactive 10

part "enabled: it serves again"
shown crm_resource --resource db-server --cleanup
shown crm_resource --wait --timeout 600
shown crm_resource --resource db-server --meta --delete-parameter target-role
shown crm_resource --wait --timeout 600
serves 1 3
shown crm_resource --resource db-server --meta --get-parameter target-role
shown crm_mon --one-shot --inactive --failcounts

part "killed now: the cluster starts it again"
pkill -KILL -x mariadbd
until_true 120 is_not active
until_true 300 is active
cluster_settled
# It forgets what it knew, and says that nothing runs until it has looked again.
shown crm_resource --resource db-server --cleanup
shown crm_resource --wait --timeout 600
serves 1 3

part "the whole group disabled: the pool is exported"
shown crm_resource --resource db --meta --set-parameter target-role --parameter-value Stopped
shown crm_resource --wait --timeout 600
[ -z "$(zpool list -H)" ]
[ -z "$(on_node 2 zpool list -H)" ]
[ -z "$(cluster_where db-pool)$(cluster_where db-server)" ]
shown crm_mon --one-shot --inactive
cluster_enable db
[ "$(cluster_where db-server)" = node1 ] || cluster_move db node1
serves 1 3

part "what is said where there is no cluster"
on_node 2 systemctl stop pacemaker.service corosync.service
for asked in 'crm_resource --resource db --locate' 'crm_mon --one-shot' 'crm_resource --wait --timeout 60'; do shown on_node 2 bash -c "$asked"; done
[ "$(sql -e 'SELECT COUNT(*) FROM shop.t')" = 3 ]
