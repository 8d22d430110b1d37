#!/bin/bash
# DESCRIPTION: the guest has ZFS: a pool on a loop device, a snapshot, a rollback
# STRATEGY: write, snapshot with a hold, overwrite, roll back unmounted, read the first text again; the tool starts
# stage: none
# uses: backout
# limit: 400
set -euo pipefail
. /case/guest/pool.sh
zfs version
pool_create tank 256M
dataset_create tank/data /data
echo first >/data/file
zfs snapshot tank/data@one
zfs hold keep tank/data@one
echo second >/data/file
zfs unmount tank/data
zfs rollback tank/data@one
zfs mount tank/data
[ "$(cat /data/file)" = first ]
zfs release keep tank/data@one
backout --version
pool_destroy tank
[ -z "$(zpool list -H)" ]
