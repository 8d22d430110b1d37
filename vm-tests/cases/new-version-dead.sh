#!/bin/bash
# DESCRIPTION: the new version does not start any more: what was written since the snapshot comes back from its files, after a person answered for it by name
# STRATEGY: MariaDB 11.8 is killed and its configuration broken; the downgrade asks for not-proved; killed in the middle and resumed; an independent dump is equal
# stage: backout-upgraded
# uses: backout
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh

echo "== it is killed, and does not start any more"
printf '[mariadbd]\nno-such-option = 1\n' >/etc/mysql/mariadb.conf.d/zz-broken.cnf
systemctl kill --signal=KILL mariadb.service
systemctl restart mariadb.service || true
expect 1 timeout 20 mariadb-admin ping
refuses not-answering downgrade
grep -F -- '--accept not-proved' /root/said
refuses not-answering downgrade --in-place --accept not-proved
grep -F -- '--accept destroy-not-proved' /root/said

echo "== it comes back from the files"
crash_at restore:started downgrade --keep --accept not-proved
expect 3 backout abort --yes 2>&1 | tee /root/said
grep -F 'backout abort --accept not-answering' /root/said
backout resume
mariadb_version | grep -F 10.11
same_dump /root/dump-new
expect 0 backout status | tee /root/said
grep -F 'Nothing was compared' /root/said
