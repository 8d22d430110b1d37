#!/bin/bash
# DESCRIPTION: every command of the README's first use, word for word, at a terminal: MariaDB on a dataset, nothing prepared; found, fixed, upgraded, written to, brought back twice, interrupted in between, the second time by a standby, committed
# STRATEGY: the text of the documents itself, questions answered as it says; a dump of each version; the screens are recorded, and the pictures of the README are made of them
# stage: none
# uses: backout documents
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh
. /case/guest/documents.sh
pool_create tank 2G
mariadb_configure() { :; }
mariadb_on_zfs tank/mysql
rm /etc/apt/preferences.d/backout-new
mariadb_seed
/case/guest/dump.sh >/root/dump-old

echo "== the operator's guide: the site file without a question"
block docs/operators-guide.md 'backout init mariadb --set'
cp /etc/backout/site.toml /root/site.toml
rm /etc/backout/site.toml

echo "== first use"
CHOICE=mariadb block README.md 'backout init'
cmp /etc/backout/site.toml /root/site.toml
mariadb_version | grep -F 11.8
same_dump /root/dump-old
mariadb_upgraded
mariadb_write_on_new
/case/guest/dump.sh >/root/dump-new

echo "== three in the morning"
typed status 'backout status'
typed plan-downgrade 'backout plan downgrade'
block README.md 'backout status; backout downgrade'
mariadb_version | grep -F 10.11
same_dump /root/dump-new
typed downgraded-status 'backout status'

echo "== interrupted: the undo is cut off, and goes on"
crash_at stop:done undo
STATUSES='4 0' block README.md 'backout status; backout resume'
mariadb_version | grep -F 11.8
same_dump /root/dump-new

echo "== and once more to the end, by a standby"
block README.md 'backout standby start'
block README.md 'backout downgrade'
mariadb_version | grep -F 10.11
same_dump /root/dump-new
fully_proved
block README.md 'backout commit'
[ "$(zfs list -H -o name -t all -r tank/mysql)" = tank/mysql ]
