#!/bin/bash
# DESCRIPTION: a kept downgrade of MariaDB compares the rows that the log touched: a spoiled one among them halts it; one elsewhere is found by the full proof, and commit waits for that
# STRATEGY: rows of the restored data are changed past the binary log before they are listed: one that a client had changed, then one that none had written to since the upgrade
# stage: backout-upgraded
# uses: backout
# limit: 1200
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/mariadb.sh
. /case/guest/backout.sh

# spoil_at_restore SQL: a downgrade is killed when everything came back, and this is done past its log.
spoil_at_restore() {
  crash_at restore:done downgrade --keep
  private shop -e "SET sql_log_bin = 0; $1"
}

echo "== a row that a client had changed is spoiled: the delta proof halts"
spoil_at_restore "UPDATE customers SET name = 'planted' WHERE id = 150"
expect 6 backout resume 2>&1 | tee /root/said
grep -F 'shop.customers' /root/said
grep -F ' 1 missing, 1 unexpected' /root/said
backout abort --yes
mariadb_version | grep -F 11.8
same_dump /root/dump-new

echo "== one that nobody had written to is spoiled: it is opened"
spoil_at_restore "UPDATE audit SET what = 'planted' WHERE id = 5"
backout resume
mariadb_version | grep -F 10.11
[ "$(sql -e 'SELECT what FROM shop.audit WHERE id = 5')" = planted ]
backout status | tee /root/said
grep -F 'Only what was written since the snapshot was compared of: rows (' /root/said

echo "== commit waits for the full proof, which finds it"
expect 3 backout commit --yes 2>&1 | tee /root/said
grep -F 'backout prove' /root/said
expect 6 backout prove 2>&1 | tee /root/said
grep -F 'shop.audit' /root/said
grep -F ' 1 missing, 1 unexpected' /root/said
expect 3 backout commit --yes 2>&1 | tee /root/said
grep -F differs /root/said

echo "== undone, and done again: equal"
backout undo --yes
same_dump /root/dump-new
backout downgrade --keep --yes
same_dump /root/dump-new
backout prove | tee /root/said
grep -F ' 0 missing, 0 unexpected' /root/said

echo "== again: the full proof begins by itself, in the background, and is killed"
backout undo --yes
sed -i '/^full_proof/d' /etc/backout/site.toml
backout playbook replace --with-site --yes
backout downgrade --keep --yes | tee /root/said
grep -F 'Everything is being compared, in the background' /root/said
unit=backout-prove-$(change_id).service
[ "$(systemctl show -p Nice --value "$unit")" = 10 ]
systemctl kill --signal=KILL "$unit"
while systemctl is-active --quiet "$unit"; do sleep 0.2; done
backout status | tee /root/said
grep -F 'ended without a result' /root/said
grep -F 'backout prove' /root/said
expect 3 backout commit --yes
fault "kill -9 in a full proof that began by itself" resumed

echo "== once more, and commit waits for it"
backout undo --yes
backout downgrade --keep --yes | tee /root/said
backout status | tee /root/said
grep -F 'Everything is being compared, in the background' /root/said
backout commit --yes | tee /root/said
grep -F 'Waiting for it.' /root/said
[ "$(zfs list -H -t all -o name -r tank)" = $'tank\ntank/mysql' ]
same_dump /root/dump-new
