#!/bin/bash
# The last part of the demo, in the guest: back to 10.11 with backout, and everything is there.
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
say() { printf '\n=== %s\n' "$*"; }
say "backout downgrade"
backout downgrade --yes
say "backout status"
backout status
say "Not the tool's own word: a dump of $(mariadb_version), compared with the dump of 11.8 from before"
same_dump /root/dump-new
echo "$(wc -l </root/dump-new) lines, no difference"
backout status | sed -n 's/.*\(proof: .*\)/\1/p' | head -n 1 >/result/proof
grep -q ', 0 missing, 0 unexpected$' /result/proof
