# shellcheck shell=bash
# Pools on files, through loop devices that come back under the same numbers after a reboot (attach-pools).

# pool_create NAME [SIZE [LOOP-NUMBER]]: a pool on /srv/pools/NUMBER-NAME.img; nothing of it is mounted by itself but its datasets.
pool_create() {
  local name=$1 size=${2:-2G} number=${3:-7}
  truncate -s "$size" "/srv/pools/$number-$name.img"
  /usr/local/sbin/attach-pools
  zpool create -o cachefile=/etc/zfs/zpool.cache -O compression=lz4 -O mountpoint=none "$name" "/dev/loop$number"
}

# dataset_create NAME MOUNTPOINT [zfs create options]
dataset_create() {
  local name=$1 mountpoint=$2
  shift 2
  zfs create -p -o "mountpoint=$mountpoint" "$@" "$name"
}

pool_destroy() {
  local name=$1 file
  zpool destroy -f "$name"
  for file in /srv/pools/*-"$name".img; do
    losetup --associated "$file" | cut -d: -f1 | xargs --no-run-if-empty losetup --detach
    rm -f "$file"
  done
}
