#!/bin/bash
# DESCRIPTION: a host with ssh, from and to the other guest, and a file system over it
# stage: none
# packages: openssh-server openssh-client sshfs
# limit: 1200
set -euo pipefail
. /case/guest/packages.sh
packages_install
ssh_among_guests
systemctl disable --quiet ssh.service
systemctl disable --quiet --now mariadb.service redis-server.service
