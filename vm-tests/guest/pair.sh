# shellcheck shell=bash
# Two guests at once (`pair: yes` in the head of the case): node1 runs the case, and does by ssh what is to be done on node2. Both see one more disk.
# Needs: a stage with openssh-server that has called ssh_among_guests.

NODE=$(sed -n 's/.*\bbackout\.node=\([12]\)\b.*/\1/p' /proc/cmdline)

# pair_begin: name, host id, address. On node1 it returns when node2 answers; on node2 it does not return: the case ends there as it ends on node1.
pair_begin() {
  local status
  hostname "node$NODE"
  printf 'node%s\n' "$NODE" >/etc/hostname
  zgenhostid -f "0000000$NODE"
  modprobe virtio_net
  ip link set eth0 up
  ip address add "10.9.8.$NODE/24" dev eth0
  systemctl start ssh.service
  if [ "$NODE" = 2 ]; then
    touch /run/pair-ready
    until [ -s /run/pair-end ]; do sleep 1; done
    status=$(cat /run/pair-end)
    pair_logs
    echo "node1 ended with $status"
    exit "$status"
  fi
  trap 'pair_end $?' EXIT
  timeout 600 bash -c 'until ssh -o ConnectTimeout=5 node2 test -e /run/pair-ready 2>/dev/null; do sleep 1; done'
}

pair_end() {
  pair_logs
  on_node 2 bash -c "echo $1 >/run/pair-end" || true
}

pair_logs() { cp /var/log/pacemaker/pacemaker.log /result/ 2>/dev/null || true; }

# on_node N CMD...: runs it as root on that node, with the same PATH as here.
on_node() {
  local node=$1
  shift
  ssh -o BatchMode=yes -o ConnectTimeout=60 -o ServerAliveInterval=60 "node$node" "cd /root; PATH=$PATH LC_ALL=$LC_ALL $(printf '%q ' "$@")" </dev/null
}

# here_and_there CMD...: on both, at the same time; both must succeed.
here_and_there() {
  local there
  on_node 2 "$@" &
  there=$!
  "$@"
  wait "$there"
}

# shared_pool NAME: a pool on the disk that both see; imported here, and by whoever imports it, never at boot.
shared_pool() {
  local disk=/dev/disk/by-id/virtio-shared
  zpool create -o cachefile=none -O compression=lz4 -O mountpoint=none "$1" "$disk"
  # node2 read the disk's partitions when it had none.
  on_node 2 bash -c "blockdev --rereadpt $disk && udevadm settle --timeout=120 && test -e $disk-part1"
}
