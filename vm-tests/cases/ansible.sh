#!/bin/bash
# DESCRIPTION: Ansible upgrades Redis on two hosts by ssh, one after the other: refused, killed and cut off on the way; then one is committed and one goes back
# STRATEGY: a fault on the first host leaves the second alone; a second run of the same play finishes or says what to do, a third one changes nothing; a network that is cut for a while costs nothing, a controller that dies one more run; what clients wrote is there after the way back; the report of both is one page
# stage: ansible
# uses: backout
# pair: yes
# when: all
# limit: 2400
set -euo pipefail
. /case/guest/pair.sh
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
. /case/guest/ansible.sh
pair_begin
ansible_begin
part() { printf '\n== %s\n' "$*"; }
redis_there() { on_node "$1" bash -c ". /case/guest/pool.sh; . /case/guest/redis.sh; $2"; }

part "check, and what an upgrade would do: nothing is changed"
play well check
recap 1 changed=0 failed=0
recap 2 changed=0 failed=0
play well upgrade --check
grep -F 'install version 8.0' /root/said
[ "$(standing 1) $(standing 2)" = 'none none' ]
[ -z "$(zfs list -H -t snapshot)$(on_node 2 zfs list -H -t snapshot)" ]

part "the first host refuses: the second is left alone"
redis-cli config set appendonly no
redis-cli config rewrite
play badly upgrade
recap 1 changed=0 failed=1
not_played 2
[ "$(standing 1) $(standing 2)" = 'none none' ]
redis-cli config set appendonly yes
redis-cli config rewrite
until redis-cli info persistence | grep -q 'aof_rewrite_in_progress:0'; do sleep 1; done

part "killed on the first host: the second is left alone; then it is said, and nothing is done"
play badly upgrade -e '{"backout_options": ["--crash-at", "upgrade:started"]}'
recap 1 failed=1
not_played 2
[ "$(standing 1) $(standing 2)" = 'interrupted none' ]
play badly upgrade
recap 1 changed=0 failed=1
grep -F 'next: backout resume' /root/said
not_played 2

part "told to resume: it goes on; on the second host the connection is cut within the upgrade, and nobody answers for a while: the play waits"
on_node 2 systemd-run --quiet --unit=cut bash -c '. /case/guest/pair.sh
  until grep -qsF "\"started\",\"step\":\"upgrade\"" /var/lib/backout/changes/*/journal; do sleep 0.2; done
  pkill -9 -x dropbear
  touch /root/was-cut
  sleep 30
  ssh_serves dropbear-again'
play well upgrade -e upgrade_resume=true
recap 1 changed=1 failed=0
recap 2 changed=1 failed=0 unreachable=0
on_node 2 test -e /root/was-cut
redis_version | grep -F 8.0
[ "$(standing 1) $(standing 2)" = 'upgraded upgraded' ]
on_node 2 dpkg-query -W redis-server | grep -F 8.0
play well upgrade
recap 1 changed=0 failed=0
recap 2 changed=0 failed=0

part "undecided: the way back is open"
play well decide
recap 1 changed=0 failed=0
recap 2 changed=0 failed=0

part "clients write; the first host is committed, the second goes back with what they wrote"
redis_there 2 'redis_write_on_new; redis_dump >/root/dump-new'
criterion='{"decide_decision": "{{ (inventory_hostname == \"node1\") | ternary(\"commit\", \"downgrade\") }}"}'
play well decide --check -e "$criterion"
[ "$(standing 1) $(standing 2)" = 'upgraded upgraded' ]
on_node 2 systemd-run --quiet --unit=controller-dies bash -c '. /case/guest/pair.sh
  until grep -qsF "\"started\",\"step\":\"capture\"" /var/lib/backout/changes/*/journal; do sleep 0.2; done
  remote 1 "pkill -9 -f bin/ansible-playbook"'
play badly decide -e "$criterion"
[ "$(standing 1)" = closed ]

part "the controller was killed within the way back: the next run waits for what still runs, and changes nothing"
play well decide -e "$criterion"
recap 1 changed=0 failed=0
recap 2 changed=0 failed=0
[ "$(standing 1) $(standing 2)" = 'closed backed-out' ]
redis_there 2 'same_redis /root/dump-new; redis_version | grep -F 7.0'
same_redis /root/dump-old

part "all of it again: nothing is changed"
play well decide -e "$criterion"
recap 1 changed=0 failed=0
recap 2 changed=0 failed=0
play well downgrade
recap 1 changed=0 failed=0
recap 2 changed=0 failed=0
play well upgrade --limit node1
recap 1 changed=0 failed=0

part "one page of both; a host that does not answer is in it"
printf '[backout]\nnode3 ansible_host=10.9.8.3\n' >>/root/hosts.ini
sed -i 's/^ansible_user=root$/&\nreport_program=\/case\/bin\/backout/' /root/hosts.ini
play any report
mv /root/reports/fleet.html /result/
backout report --fleet /root/reports --expect node1 --expect node2 --expect node3 | tee /result/fleet.txt
grep -A1 '^node3: no report' /result/fleet.txt
grep '^node2: backed out' /result/fleet.txt
grep '^node1: closed' /result/fleet.txt
grep -F 0\ missing /result/fleet.txt
grep -F node3 /result/fleet.html
