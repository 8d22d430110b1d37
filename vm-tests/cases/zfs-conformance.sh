#!/bin/bash
# DESCRIPTION: both real engines (the zfs command, libzfs_core) do on real ZFS what the in-memory one does
# STRATEGY: the conformance suite, each case on a pool of its own; every case must have run, none may be reported as ignored; of a sample, one of so many of the zfs command's
# stage: none
# uses: zfs_conformance
# faults: yes
# limit: 3000
set -euo pipefail
zfs version
every=1 first=0
[ ! -f /case/sample ] || read -r every first </case/sample
/case/bin/zfs_conformance --include-ignored --list | sed -n 's/: test$//p' >/root/all
# The default engine's, and those of the one in memory, are run whole.
awk -v every="$every" -v first="$first" '!/^cli::/ { print } /^cli::/ && n++ % every == first { print }' /root/all >/root/chosen
echo "$(wc -l </root/chosen) of $(wc -l </root/all) cases"
# In memory: what ZFS does is looked at here, not whether a disk keeps it. Two at a time: each spends half of its time waiting for a transaction group.
mapfile -t chosen </root/chosen
BACKOUT_ZFS_POOL_DIR=/dev/shm /case/bin/zfs_conformance --include-ignored --exact --test-threads=2 "${chosen[@]}" 2>&1 | tee /result/zfs-conformance
summary=$(grep '^test result: ok' /result/zfs-conformance)
grep -q "ok. ${#chosen[@]} passed; 0 failed; 0 ignored;" <<<"$summary"
grep -q '^test cli::' /result/zfs-conformance
grep -q '^test lzc::' /result/zfs-conformance
[ -z "$(zpool list -H)" ]
