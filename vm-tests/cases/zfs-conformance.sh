#!/bin/bash
# DESCRIPTION: both real engines (the zfs command, libzfs_core) do on real ZFS what the simulated one does
# STRATEGY: the conformance suite, each case on a pool of its own, the two engines side by side; every case must run, none may be ignored; of a sample, a part of the zfs command's cases
# stage: none
# uses: zfs_conformance
# faults: zfs
# limit: 3000
set -euo pipefail
zfs version
every=1 first=0
[ ! -f /case/sample ] || read -r every first </case/sample
/case/bin/zfs_conformance --include-ignored --list | sed -n 's/: test$//p' >/root/all
# The default engine's, and those of the one in memory, are run whole.
awk -v every="$every" -v first="$first" '!/^cli::/ { print } /^cli::/ && n++ % every == first { print }' /root/all >/root/chosen
echo "$(wc -l </root/chosen) of $(wc -l </root/all) cases"
grep '^cli::' /root/chosen >/root/chosen-cli
grep '^lzc::' /root/chosen >/root/chosen-lzc
grep -v '^cli::\|^lzc::' /root/chosen >/root/chosen-others
# In memory: what ZFS does is looked at here, not whether a disk keeps it. Two processes: each case spends half of its time waiting for a transaction
# group, and within one process they wait for each other.
suite() { # PART
  local names said=/result/zfs-conformance-$1
  mapfile -t names <"/root/chosen-$1"
  /case/bin/zfs_conformance --pool-dir /dev/shm --include-ignored --exact "${names[@]}" 2>&1 | tee "$said"
  grep -q "^test result: ok. ${#names[@]} passed; 0 failed; 0 ignored;" "$said"
  [ "${#names[@]}" -gt 0 ]
}
suite others
suite cli &
cli=$!
suite lzc &
# Both to their ends: what fails in one is not to be lost behind the other.
status=0
wait $! || status=$?
wait "$cli" || status=$?
[ "$status" = 0 ]
[ -z "$(zpool list -H)" ]
