#!/bin/bash
# DESCRIPTION: both real engines (the zfs command, libzfs_core) do on real ZFS what the in-memory one does
# STRATEGY: the conformance suite, each case on a pool of its own; every case must have run, none may be reported as ignored
# stage: none
# uses: zfs_conformance
# limit: 3000
set -euo pipefail
zfs version
# In memory: what ZFS does is looked at here, not whether a disk keeps it. Two at a time: each spends half of its time waiting for a transaction group.
BACKOUT_ZFS_POOL_DIR=/dev/shm /case/bin/zfs_conformance --include-ignored --test-threads=2 2>&1 | tee /result/zfs-conformance
summary=$(grep '^test result: ok' /result/zfs-conformance)
grep -q ' 0 ignored; .* 0 filtered out' <<<"$summary"
grep -q '^test cli::' /result/zfs-conformance
grep -q '^test lzc::' /result/zfs-conformance
[ -z "$(zpool list -H)" ]
