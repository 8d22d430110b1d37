#!/bin/bash
# The demo's other ending, in a copy of the guest: going back without backout.
set -euo pipefail
SNAPSHOT=$(zfs list -H -t snapshot -o name -d 1 tank/mysql | sed 's/.*@//' | head -n 1)
export SNAPSHOT
bash /case/by-hand/without-backout.sh
