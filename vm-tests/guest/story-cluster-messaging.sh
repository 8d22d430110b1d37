# shellcheck shell=bash
# Messaging Server under Solaris Cluster (stand-ins), as story-cluster.sh asks for it: each node with an installation and the cluster's agent, or both
# installations on the shared pool and a link between them. Needs: story-messaging.sh.
. /case/guest/solaris-cluster.sh

# How often the cluster found it down, and started it.
probed() { wc -l </global/sc/restarts; }

messaging_cluster_made() {
  local link lines='datasets = ["tank/store"]' variables=() cluster='nodes = ["node1", "node2"]'
  global_folder
  shared_pool tank
  if alone; then
    MSG=/opt/ucs/msg
    zfs create -o mountpoint=/opt/ucs tank/ucs
  fi
  zfs create -o "mountpoint=$VAR" tank/ms
  store_datasets
  if alone; then
    installers
    /srv/installers/7.0.5.31.0/commpkg install --installroot /opt/ucs/old --silent NONE
    /opt/ucs/old/messaging64/bin/configure
    ln -s /opt/ucs/old/messaging64 "$MSG"
    lines+=$'\nstrategy = "side-by-side"'
    variables=("root = \"$MSG\"" 'new_installroot = "/opt/ucs/new"')
  else
    here_and_there bash -c '. /case/guest/messaging.sh; installers; /srv/installers/7.0.5.31.0/commpkg install --silent NONE; mkdir -p /var/sadm/install'
    "$MSG/bin/configure"
    for link in data config log; do on_node 2 ln -sfn "$VAR/$link" "$MSG/$link"; done
    cluster+='\nagent = true'
  fi
  "$MSG/bin/start-msg"
  mail 40 before
  drained
  users 20
  audit
  solaris_cluster node1 "$MSG"
  messaging_site_of messaging-server "$lines" "${variables[@]}" 'marks = "/global/marks"' 'margin = "1 second"'
  sed -i "/^\[variables\]/i [cluster]\n$cluster" /etc/backout/site.toml
  to_node 2 /etc/backout/site.toml
  sleep 2
}

messaging_cluster_refuses() {
  if alone; then
    # Until it is said that the nodes share the installations.
    expect 2 backout check
    sed -i 's/^nodes = .*/&\nshared_installation = true/' /etc/backout/site.toml
    to_node 2 /etc/backout/site.toml
  else
    refused 1 'run commpkg uninstall in each of them' upgrade "${UP[@]}"
    here_and_there bash -c 'echo SUNWscims >/var/sadm/install/gz-only-packages'
    scswitch -n -j msg-rs
    refused 1 'has already been told to leave the service alone' upgrade "${UP[@]}"
    scswitch -e -j msg-rs
  fi
  PROBED=$(probed)
}

# Each node has that version; of one that has all of it on the shared pool, only the node with the data can be asked.
messaging_cluster_serves() {
  local node nodes=(1 2)
  ! alone || nodes=("$1")
  for node in "${nodes[@]}"; do [ "$(on_node "$node" "$MSG/bin/imsimta" version | grep -c -F "$2")" = 1 ]; done
}

messaging_cluster_halfway() { [ "$1" = downgrade ] || mail 10 open; }
# Time for the probe to find it down.
messaging_cluster_killed() { case $1 in leave-alone:done | restore:started) sleep 10 ;; esac; }
messaging_cluster_idle() { :; }

messaging_cluster_is_up() {
  local node
  [ "$(scha_resource_get -O ON_OFF_SWITCH -R msg-rs)" = ENABLED ]
  if alone; then
    [ "$(cat /global/sc/IMS_serverroot)" = "$MSG" ]
  else
    for node in 1 2; do on_node "$node" /srv/installers/8.0.2/commpkg info | grep -F 'MS_SCHA 8.0.2'; done
  fi
  mail 10 after
  drained
  users 15
}

messaging_cluster_same() { audit; }

messaging_cluster_move() {
  scswitch -z -g msg-rg -h "node$1"
  on_node "$1" "$MSG/bin/imcheck" -s
}

messaging_cluster_there() {
  if alone; then
    expect 3 backout check >/root/said 2>&1
    grep -E 'There is nothing to do on node1|The data is on another node now' /root/said || { cat /root/said; return 1; }
  elif [ "$1" = upgrade ]; then
    refused 1 'The data is on another node' downgrade "${DOWN[@]}"
  fi
}

messaging_cluster_came_back() {
  mail 20 later
  drained
  users 25
  audit
}

messaging_cluster_left_alone() {
  mail 5 last
  drained
  audit
  # It never had to start anything: backout had told it each time.
  [ "$(probed)" = "$PROBED" ] || { cat /global/sc/restarts; return 1; }
}
messaging_cluster_committed() { audit; }
