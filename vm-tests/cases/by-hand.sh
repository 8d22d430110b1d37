#!/bin/bash
# DESCRIPTION: MariaDB goes to 11.8 and comes back by hand, with everything that was written there
# STRATEGY: on the upgraded guest: twelve steps in plain shell; the canonical dumps before and after must be identical
# stage: upgraded
# when: all
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
/case/by-hand/mariadb-downgrade.sh after
echo "now at $(mariadb_version), the server says $(sql -e 'SELECT VERSION()')"
/case/guest/dump.sh >/result/dump-back
sha256sum /root/dump-new /result/dump-back
wc -l /root/dump-new /result/dump-back
diff /root/dump-new /result/dump-back | head -n 40 || true
cmp /root/dump-new /result/dump-back
