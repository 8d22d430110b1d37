#!/bin/bash
# Runs in the guest's root (chroot) while the image is built, with the archive reachable: two file repositories, so that
# packages go up and down offline.   Usage: repositories.sh OLD-SUITE NEW-SUITE MIRROR
set -euo pipefail
old=$1 new=$2 mirror=$3
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
mkdir -p /srv/repo/old /srv/repo/new

# Old: the exact files of what is installed.
mapfile -t installed < <(dpkg-query -W -f '${Package}=${Version}\n' 'mariadb-*' 'libmariadb3' 'mysql-common' 'galera-*' 'redis*' 2>/dev/null | grep -v '=$')
(cd /srv/repo/old && apt-get download -qq -o APT::Sandbox::User=root "${installed[@]}")

# New: what an upgrade of this very guest would fetch, libraries included.
private=$(mktemp -d)
mkdir -p "$private/lists/partial" "$private/archives/partial" "$private/parts"
chmod -R a+rX "$private"
key=/usr/share/keyrings/debian-archive-keyring.gpg
{
  printf 'deb [signed-by=%s] %s %s main\n' "$key" "$mirror" "$old"
  printf 'deb [signed-by=%s] %s-security %s-security main\n' "$key" "$mirror" "$old"
  printf 'deb [signed-by=%s] %s %s main\n' "$key" "$mirror" "$new"
  printf 'deb [signed-by=%s] %s-security %s-security main\n' "$key" "$mirror" "$new"
} >"$private/sources.list"
printf 'Package: *\nPin: release n=%s*\nPin-Priority: 100\n' "$new" >"$private/preferences"
apt=(apt-get -q -o "Dir::Etc::sourcelist=$private/sources.list" -o "Dir::Etc::sourceparts=$private/parts"
  -o "Dir::Etc::preferences=$private/preferences" -o "Dir::State::lists=$private/lists" -o "Dir::Cache::archives=$private/archives"
  -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Install-Recommends=false -o APT::Sandbox::User=root)
"${apt[@]}" update
"${apt[@]}" install -y --download-only -t "$new" mariadb-server mariadb-client redis-server
mv "$private"/archives/*.deb /srv/repo/new/
rm -rf "$private"

for side in old:"$old" new:"$new"; do
  dir=/srv/repo/${side%%:*} codename=${side#*:}
  cd "$dir"
  apt-ftparchive packages . >Packages
  apt-ftparchive -o "APT::FTPArchive::Release::Codename=$codename" -o "APT::FTPArchive::Release::Suite=$codename" release . >/tmp/Release
  mv /tmp/Release Release
done
cd /
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
{
  printf 'deb [trusted=yes] file:/srv/repo/old ./\n'
  printf 'deb [trusted=yes] file:/srv/repo/new ./\n'
} >/etc/apt/sources.list
printf 'Package: *\nPin: release n=%s\nPin-Priority: 100\n' "$new" >/etc/apt/preferences.d/backout-new
apt-get update -q
apt-cache policy mariadb-server

rm -rf /var/cache/apt/archives/*.deb /var/cache/apt/*.bin /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /root/*.sh /root/debian /root/uml
