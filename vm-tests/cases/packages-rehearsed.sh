#!/bin/bash
# DESCRIPTION: the packages' way back is rehearsed: what is held, what the archive has dropped, and what needs the new version is refused before anything is stopped
# STRATEGY: before the upgrade: a hold, an archive without the installed version; after it: a hold, a package that depends on the new one; then the downgrade succeeds
# stage: redis-seeded
# uses: backout
# limit: 1200
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/redis.sh
. /case/guest/backout.sh

echo "== before the upgrade: a held package"
apt-mark hold redis-tools
refuses requirement upgrade
grep -F 'packages is held' /root/said
grep -F 'redis-tools' /root/said
apt-mark unhold redis-tools

echo "== the archive has dropped the installed version"
cp /etc/apt/sources.list /root/sources.list
sed -i '\,/srv/repo/old,d' /etc/apt/sources.list
apt-get update -qq
refuses requirement upgrade
grep -F 'the archive still has the packages of the installed version' /root/said
cp /root/sources.list /etc/apt/sources.list
apt-get update -qq

echo "== a pin that is stronger than the release asked for"
printf 'Package: redis-server redis-tools\nPin: version 5:7.*\nPin-Priority: 1001\n' >/etc/apt/preferences.d/pinned
expect 3 backout check | tee /root/said
grep -F '[candidate]' /root/said
rm /etc/apt/preferences.d/pinned

backout upgrade --yes | tee /root/said
grep -F 'is open' /root/said
redis_write_on_new
redis_dump >/root/dump-new

echo "== after it: a held package"
apt-mark hold redis-server
refuses requirement downgrade
grep -F 'redis-server is held: apt-mark unhold redis-server' /root/said
apt-mark unhold redis-server

echo "== a package that needs the new version"
mkdir -p /root/needs/DEBIAN
printf '%s\n' 'Package: needs-new-redis' 'Version: 1' 'Architecture: all' 'Maintainer: nobody <root@localhost>' \
  'Depends: redis-server (>= 5:8)' 'Description: needs the new Redis' >/root/needs/DEBIAN/control
dpkg-deb --build /root/needs /root/needs.deb
dpkg --install /root/needs.deb
refuses requirement downgrade
grep -F 'needs-new-redis would be removed' /root/said
expect 3 backout check >/root/said
dpkg --purge needs-new-redis
expect 0 backout check >/root/said

backout downgrade --keep --yes
redis_version | grep -F 7.0
same_redis /root/dump-new
