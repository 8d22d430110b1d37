# shellcheck shell=bash
# A cluster of two nodes: Corosync and Pacemaker, without fencing, and one group of a pool and MariaDB on it.
# Needs: pair.sh, pool.sh, mariadb.sh, the stage `cluster`.

# cluster_node: what each node must have. Nothing of it may be started by anything but the cluster.
cluster_node() {
  local node
  systemctl disable --quiet --now mariadb.service corosync.service pacemaker.service
  # Without its pool there is nothing that MariaDB could start with.
  mountpoint -q /var/lib/mysql || find /var/lib/mysql -mindepth 1 -delete
  {
    # A busy host lets a guest wait for seconds.
    printf '%s\n' 'totem {' 'version: 2' 'cluster_name: pair' 'transport: knet' 'token: 10000' 'crypto_cipher: aes256' 'crypto_hash: sha256' '}'
    printf '%s\n' 'quorum {' 'provider: corosync_votequorum' 'two_node: 1' '}' 'logging {' 'to_syslog: yes' '}' 'nodelist {'
    for node in 1 2; do printf '%s\n' 'node {' "ring0_addr: 10.9.8.$node" "name: node$node" "nodeid: $node" '}'; done
    printf '}\n'
  } >/etc/corosync/corosync.conf
}

# cluster_up: the cluster runs on both nodes, and has nothing to do.
cluster_up() {
  here_and_there bash -c '. /case/guest/cluster.sh; cluster_node; systemctl start corosync.service pacemaker.service'
  until_true 300 both_online
  crm_attribute --name stonith-enabled --update false
  crm_attribute --name no-quorum-policy --update ignore
  crm_attribute --type rsc_defaults --name resource-stickiness --update 100
}

both_online() { [ "$(crm_mon --one-shot --output-as xml | grep -c '<node name=.* online="true".* pending="false"')" = 2 ]; }

# cluster_group POOL: the group `db`: the pool, then the unit of MariaDB.
cluster_group() {
  local pool=$1
  cibadmin --create --scope resources --xml-text "
    <group id='db'>
      <primitive id='db-pool' class='ocf' provider='heartbeat' type='ZFS'>
        <instance_attributes id='db-pool-is'>
          <nvpair id='db-pool-is-pool' name='pool' value='$pool'/>
          <nvpair id='db-pool-is-args' name='importargs' value='-d /dev/disk/by-id'/>
        </instance_attributes>
        <operations>
          <op id='db-pool-start' name='start' interval='0' timeout='300s'/>
          <op id='db-pool-stop' name='stop' interval='0' timeout='300s'/>
          <op id='db-pool-monitor' name='monitor' interval='10s' timeout='120s'/>
        </operations>
      </primitive>
      <primitive id='db-server' class='systemd' type='mariadb'>
        <operations>
          <op id='db-server-start' name='start' interval='0' timeout='600s'/>
          <op id='db-server-stop' name='stop' interval='0' timeout='600s'/>
          <op id='db-server-monitor' name='monitor' interval='10s' timeout='120s'/>
        </operations>
      </primitive>
    </group>"
}

# The commands of an operator. Each returns when the cluster has nothing more to do.
cluster_settled() { crm_resource --wait --timeout 600; }

# cluster_disable RESOURCE: the cluster stops it, and starts it nowhere.
cluster_disable() {
  crm_resource --resource "$1" --meta --set-parameter target-role --parameter-value Stopped
  cluster_settled
}

cluster_enable() {
  crm_resource --resource "$1" --meta --delete-parameter target-role
  cluster_settled
}

# cluster_unmanage RESOURCE: the cluster looks at it, and neither starts nor stops nor moves it.
cluster_unmanage() {
  crm_resource --resource "$1" --meta --set-parameter is-managed --parameter-value false
  cluster_settled
}

cluster_manage() {
  crm_resource --resource "$1" --meta --delete-parameter is-managed
  cluster_settled
}

# cluster_move RESOURCE NODE: once it is there, it may move again.
cluster_move() {
  crm_resource --resource "$1" --move --node "$2"
  cluster_settled
  crm_resource --resource "$1" --clear
  cluster_settled
}

# cluster_where RESOURCE: the node it runs on; nothing when it does not run.
cluster_where() { crm_resource --resource "$1" --locate --output-as xml | sed -n 's|.*<node[^>]*>\(.*\)</node>.*|\1|p'; }

# cluster_attribute RESOURCE NAME: role, target_role, managed, active, failed ... as crm_mon has it; nothing when it says nothing of it.
cluster_attribute() { crm_mon --one-shot --output-as xml | sed -n "s/.*<resource id=\"$1\" .* $2=\"\([^\"]*\)\".*/\1/p"; }

# until_true SECONDS CMD...
until_true() {
  local limit=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$limit" ] || { echo "not within its time: $*" >&2; return 1; }
    sleep 1
  done
}
