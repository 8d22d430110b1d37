#!/bin/bash
# DESCRIPTION: the commands of the operator's guide, word for word: answers in a file, the state folder is lost and found, the way back is watched, a standby, an undo that is a switch, another playbook
# STRATEGY: Redis; the text of the document itself, questions answered with a yes; dumps before and after
# stage: redis-seeded
# uses: backout documents
# when: all
# limit: 1500
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/documents.sh
cd /root

echo "== unattended"
# So that the packages are not lost with the state folder.
sed -i '1i store = "/srv/backout"' /etc/backout/site.toml
block docs/operators-guide.md 'backout plan upgrade --answers'
sed -i 's/^begin = .*/begin = "yes"/' answers.toml
cat answers.toml
block docs/operators-guide.md 'backout upgrade --answers'
redis_version | grep -F 8.0
same_redis /root/dump-old
redis_write_on_new
redis_dump >/root/dump-new

echo "== the state folder is lost"
mv /var/lib/backout /var/lib/backout.away
block docs/operators-guide.md 'zfs list -H' DATASET=tank/redis "CHANGE=$(ls /var/lib/backout.away/changes)"
expect 0 backout status
rm -r /var/lib/backout
mv /var/lib/backout.away /var/lib/backout

echo "== watch the way back"
block docs/operators-guide.md 'backout watch install'
systemctl is-active backout-watch.timer
backout watch remove
block docs/operators-guide.md 'journalctl BACKOUT_CHANGE' "mariadb-20261129070000=$(change_id)"
grep -F stop /result/recordings/operators-guide-journalctl-BACKOUT-CHANGE*.log >/dev/null
block docs/operators-guide.md 'backout --json check'
grep -F '"condition":"open"' /result/recordings/operators-guide-backout-json-check.log

echo "== a standby, and back up"
block docs/operators-guide.md 'backout standby start; backout status; backout downgrade'
redis_version | grep -F 7.0
same_redis /root/dump-new
block docs/operators-guide.md 'backout standby start; backout undo'
redis_version | grep -F 8.0
same_redis /root/dump-new

echo "== a playbook that is wrong"
own_redis_playbook
sed -i 's/^title = .*/title = "Redis, mended"/' /etc/backout/playbooks/redis/playbook.toml
block docs/operators-guide.md 'backout playbook replace FOLDER' FOLDER=/etc/backout/playbooks/redis
rm -r /etc/backout/playbooks/redis
