# shellcheck shell=bash
# Two guests at once (`pair: yes` in the head of the case): node1 runs the case, and does by ssh what is to be done on node2. Both see one more disk.
# Needs: a stage with openssh-server or dropbear-bin that has called ssh_among_guests.

NODE=$(sed -n 's/.*\bbackout\.node=\([12]\)\b.*/\1/p' /proc/cmdline)

# ssh_serves [NAME]: what a session started goes on after the server's end, as with a server whose sessions have scopes of their own. The unit of a server
# that ended is there as long as that goes on: the next one needs another name.
ssh_serves() { systemd-run --quiet --collect --unit="${1:-dropbear}" --property=KillMode=process /usr/sbin/dropbear -F -E -s; }

# pair_begin: name, host id, address. On node1 it returns when node2 answers; on node2 it does not return: the case ends there as it ends on node1.
pair_begin() {
  local status
  hostname "node$NODE"
  printf 'node%s\n' "$NODE" >/etc/hostname
  zgenhostid -f "0000000$NODE"
  # A User-Mode Linux has its network card built in, under another name.
  if [ -e /sys/class/net/vec0 ]; then ip link set vec0 name eth0; else modprobe virtio_net; fi
  ip link set eth0 up
  ip address add "10.9.8.$NODE/24" dev eth0
  if [ -x /usr/sbin/dropbear ]; then
    ssh_serves
  else
    systemctl start ssh.service
  fi
  if [ "$NODE" = 2 ]; then
    touch /run/pair-ready
    until [ -s /run/pair-end ]; do sleep 1; done
    status=$(cat /run/pair-end)
    pair_logs
    echo "node1 ended with $status"
    exit "$status"
  fi
  trap 'pair_end $?' EXIT
  for _ in $(seq 300); do
    ! remote 2 'test -e /run/pair-ready' </dev/null 2>/dev/null || return 0
    sleep 2
  done
  echo "node2 does not answer" >&2
  return 1
}

# remote N LINE: the shell of that node runs it as root.
remote() {
  if [ -x /usr/bin/dbclient ]; then
    dbclient -K 60 -i /root/.ssh/id_dropbear "root@node$1" "$2"
  else
    ssh -o BatchMode=yes -o ConnectTimeout=60 -o ServerAliveInterval=60 "node$1" "$2"
  fi
}

# to_node N FILE: the same file there, readable by all.
to_node() { remote "$1" "mkdir -p -m 755 $(dirname "$2"); cat >$2; chmod 644 $2" <"$2"; }

pair_end() {
  pair_logs
  on_node 2 bash -c "echo $1 >/run/pair-end" || true
}

pair_logs() { cp /var/log/pacemaker/pacemaker.log /result/ 2>/dev/null || true; }

# on_node N CMD...: runs it as root on that node, with the same PATH as here.
on_node() {
  local node=$1
  shift
  remote "$node" "cd /root; PATH=$PATH LC_ALL=$LC_ALL $(printf '%q ' "$@")" </dev/null
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
