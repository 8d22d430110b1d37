#!/bin/bash
# DESCRIPTION: Messaging Server (stand-in), two hosts, the new one reached by ssh: users move, killed at every point, and one moves back
# STRATEGY: what both servers accepted exists once, on the host that the directory names; a connection that fails is reported, and costs a resume
# stage: two-hosts
# uses: backout messaging
# when: all
# faults: killed
# limit: 3600
set -euo pipefail
. /case/guest/messaging.sh
. /case/guest/backout.sh
. /case/guest/coexistent.sh
# One machine under two names: its own address, so that every command goes through sshd and a shell.
ip link set lo up
ip address add 10.9.8.2/32 dev lo
systemctl start ssh.service
ssh -oBatchMode=yes -oConnectTimeout=60 root@node2 true
two_hosts
sed -i "s|^run = .*|ssh = [\"ssh\", \"-oBatchMode=yes\", \"-oConnectTimeout=60\", \"root@node2\", \"env\", \"MS_ROOT=$NEWROOT\"]|" /etc/backout/site.toml
grep '^ssh = ' /etc/backout/site.toml
backout check
echo "== the other host does not answer: said, and nothing is touched"
systemctl stop ssh.service
expect 3 backout migrate --user ann "${UP[@]}" --yes 2>&1 | tee /root/said
grep -F 'Connection refused' /root/said
users_are 'mail1 active'
systemctl start ssh.service
echo "== killed at every point"
both_meanwhile
kill_everywhere migrate --all --batch 2 "${UP[@]}"
both_end
users_are 'mail2 active'
audit_both
echo "== one moves back; the connection is lost while they come again"
backout migrate --back --user ann --yes
grep -Fx 'mailHost: mail1' /srv/directory/ann
crash_at capture:3.1:done migrate --user ann
systemctl stop ssh.service
status=0
backout resume >/root/said 2>&1 || status=$?
cat /root/said
[ "$status" != 0 ]
grep -F 'Connection refused' /root/said
grep -F 'next:' /root/said
systemctl start ssh.service
backout resume
users_are 'mail2 active'
audit_both
fault "the other host does not answer in the middle" resumed
