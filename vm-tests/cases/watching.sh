#!/bin/bash
# DESCRIPTION: a timer watches the way back: metrics, one notification when it is damaged and one when it is whole again, fields in systemd's journal; after the commit, nothing
# STRATEGY: the timer of `backout watch install`; a saved package removed and put back; a commit; each waited for, with nobody typing `check` or `status`
# stage: redis-upgraded
# uses: backout
# when: all
# limit: 900
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh
change=$(change_id)
folder=/var/lib/backout/changes/$change
metrics=/root/metrics/backout.prom
mkdir /root/metrics /root/told
cat >/etc/backout/watch.toml <<'END'
metrics = "/root/metrics"
[notify]
argv = ["/usr/local/sbin/tell"]
timeout = "10s"
END
cat >/usr/local/sbin/tell <<'END'
#!/bin/sh
n=$(ls /root/told | wc -l)
{ env | grep '^BACKOUT_'; cat; } >/root/told/$n.new && mv /root/told/$n.new /root/told/$n
END
chmod 755 /usr/local/sbin/tell

# within SECONDS CMD...: it succeeds some time.
within() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $until ] || { echo "not in time: $*" >&2; journalctl -n 50 --no-pager >&2; return 1; }
    sleep 1
  done
}
has() { grep -qxF "$1" "$metrics"; }
rounds() { journalctl -u backout-watch.service --no-pager -o cat | grep -c '^Finished ' || :; }
more_rounds() { [ "$(rounds)" -gt "$1" ]; }

echo "== the timer begins by itself, and tells nobody while all is well"
expect 0 backout watch try
grep -qx 'BACKOUT_NEWS_STATE=test' /root/told/0
expect 0 backout watch install --every 15s | tee /root/said
grep -F '/etc/systemd/system/backout-watch.timer' /root/said
within 150 test -e $metrics
has 'backout_changes_open 1'
has "backout_way_back_damaged{change=\"$change\"} 0"
has "backout_change_state{change=\"$change\",state=\"upgraded\"} 1"
has "backout_way_back_state{change=\"$change\",state=\"open\"} 1"
[ "$(stat -c %a $metrics)" = 644 ]
[ "$(find /root/told -type f | wc -l)" = 1 ]

echo "== a saved package is gone"
deb=$(find "$folder/installer" -name '*.deb' | head -n 1)
mv "$deb" /root/deb
within 150 test -e /root/told/1
cat /root/told/1
grep -qx "BACKOUT_NEWS_CHANGE=$change" /root/told/1
grep -qx 'BACKOUT_NEWS_STATE=alert' /root/told/1
grep -qx 'BACKOUT_NEWS_RAISED=way-back-damaged' /root/told/1
grep -F "$deb" /root/told/1
if grep -q '^BACKOUT_CHANGE=' /root/told/1; then exit 1; fi
within 60 has "backout_way_back_damaged{change=\"$change\"} 1"
journalctl --no-pager -o cat BACKOUT_CHANGE="$change" BACKOUT_ALERT=way-back-damaged | tee /root/said
grep -F 'way back damaged' /root/said

echo "== it is told once, and the end of it too"
within 150 more_rounds "$(($(rounds) + 1))"
[ "$(find /root/told -type f | wc -l)" = 2 ]
mv /root/deb "$deb"
within 150 test -e /root/told/2
grep -qx 'BACKOUT_NEWS_STATE=clear' /root/told/2
within 60 has "backout_way_back_damaged{change=\"$change\"} 0"

echo "== the commit, and what the journal knows of it"
expect 0 backout commit --yes
journalctl --no-pager -o cat BACKOUT_CHANGE="$change" BACKOUT_PROCEDURE=commit | tee /root/said
grep -F 'commit finished: closed' /root/said
journalctl --no-pager -o json BACKOUT_CHANGE="$change" BACKOUT_STEP=drop-snapshot >/root/said
grep -F '"BACKOUT_PHASE":"upgraded"' /root/said | grep -F '"MESSAGE_ID":"9b1f6fd5a7b04c0a8a2c1e6d0f5b3a02"'
within 150 has 'backout_changes_open 0'
if grep -F "$change" $metrics; then exit 1; fi
[ "$(find /root/told -type f | wc -l)" = 3 ]

echo "== the timer is removed"
expect 0 backout watch remove
[ ! -e /etc/systemd/system/backout-watch.timer ]
[ ! -e /etc/systemd/system/backout-watch.service ]
expect 3 systemctl is-active backout-watch.timer
same_redis /root/dump-new
