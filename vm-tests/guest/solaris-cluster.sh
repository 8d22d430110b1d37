# shellcheck shell=bash
# A stand-in for Solaris Cluster on two guests: the commands that the chapter uses, and a probe that starts again what is down. What it knows stands in /global,
# which both nodes see. One resource, msg-rs, in one group, msg-rg, with the pool `tank`.
# Needs: pair.sh, a stage with sshfs.

# global_folder: /global is node1's; node2 sees it over ssh, without a cache.
global_folder() {
  mkdir -p /global/sc /global/marks
  on_node 2 mkdir -p /global
  on_node 2 modprobe fuse
  on_node 2 sshfs -o dir_cache=no,cache=no,direct_io node1:/global /global
}

# solaris_cluster NODE HOME: its commands on both nodes; the resource is enabled, and runs on that node.
solaris_cluster() {
  local name
  printf '%s\n' "$1" >/global/sc/owner
  printf '%s\n' "$2" >/global/sc/IMS_serverroot
  echo ENABLED >/global/sc/switch
  : >/global/sc/restarts
  for name in scswitch scrgadm scha_resource_get sc-probe; do here_and_there install -m 755 /case/guest/solaris-cluster-command.sh "/usr/local/sbin/$name"; done
  # Not a child of the shell that ends before it.
  here_and_there systemd-run --quiet --unit=sc-probe /usr/local/sbin/sc-probe
}
