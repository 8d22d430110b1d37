# shellcheck shell=bash
# MariaDB under Pacemaker, as story-cluster.sh asks for it. Needs: story-mariadb.sh.
. /case/guest/cluster.sh

mariadb_cluster_made() {
  shared_pool tank
  mariadb_on_zfs tank/mysql
  mariadb_seed
  systemctl disable --quiet --now mariadb.service
  zpool export tank
  cluster_up
  cluster_group tank
  cluster_settled
  [ "$(cluster_where db-server)" = node1 ] || cluster_move db node1
  mariadb_cluster_serves 1 "$OLD"
  site_file '[cluster]' 'nodes = ["node1", "node2"]'
  printf '%s\n' 'cluster_group = "db"' 'cluster_resource = "db-server"' >>/etc/backout/site.toml
  to_node 2 /etc/backout/site.toml
  here_and_there apt-get update -qq
  mariadb_dump_to /root/dump-old
  backout plan
  on_node 2 backout plan
}
mariadb_cluster_refuses() { :; }

# The group is there, under the cluster's eyes, and the server has that version.
mariadb_cluster_serves() {
  [ "$(cluster_where db-pool) $(cluster_where db-server)" = "node$1 node$1" ]
  [ "$(cluster_attribute db-server role) $(cluster_attribute db-server managed)" = 'Started true' ]
  on_node "$1" mariadb --skip-ssl -BN -e 'SELECT version()' | grep -F "$2"
}

mariadb_cluster_halfway() {
  cat /root/said
  if [ "$1" = downgrade ]; then
    same_dump /root/dump-new
    return
  fi
  backout status || true
  sql -e 'SELECT version()' | grep -F "$NEW"
  expect 6 backout resume >/dev/null 2>&1
  # Not under the cluster's eyes yet: it lets everything be.
  [ "$(cluster_attribute db-server managed)" = false ]
}

# What would move the group, or start the server, if the cluster had its hands on it.
mariadb_cluster_killed() {
  [[ $1 == take-place:* ]] || return 0
  crm_standby --node node1 --update on
  cluster_settled
  crm_resource --resource db --refresh
  sleep 30
  [ "$(zpool list -H -o name)" = tank ]
  [ "$(systemctl is-active mariadb.service || true)" = inactive ]
  mariadb_cluster_idle 2
  crm_standby --node node1 --delete
  cluster_settled
  fault "the node of the data is put into standby in the middle" resumed
}

# Nothing runs there, nothing starts there at the next boot, nothing is masked.
mariadb_cluster_idle() {
  [ "$(on_node "$1" systemctl is-active mariadb.service || true)" = inactive ]
  [ "$(on_node "$1" systemctl is-enabled mariadb.service || true)" = disabled ]
}

# There is nothing more to upgrade.
mariadb_cluster_is_up() { expect 2 backout upgrade --yes; }
mariadb_cluster_same() { same_dump "/root/dump-$([ "$1" = upgrade ] && echo old || echo new)"; }
mariadb_cluster_move() { cluster_move db "node$1"; }

dump_of_2() { on_node 2 env PATH="$PATH" /case/guest/dump.sh; }

mariadb_cluster_there() {
  if [ "$1" = downgrade ]; then
    dump_of_2 >/root/dump-now
    cmp /root/dump-new /root/dump-now
    return
  fi
  on_node 2 mariadb --skip-ssl --default-character-set=utf8mb4 -e 'source /case/guest/write-on-new.sql'
  dump_of_2 >/root/dump-new
  if cmp -s /root/dump-old /root/dump-new; then
    echo "nothing was written" >&2
    return 1
  fi
  refused 1 'The data is on another node' downgrade --keep
  refused 2 'The data has moved to node2' downgrade
}
mariadb_cluster_came_back() { :; }
mariadb_cluster_left_alone() { :; }

mariadb_cluster_committed() {
  mariadb_cluster_serves 1 "$OLD"
  crm_mon --one-shot --inactive --failcounts
}
