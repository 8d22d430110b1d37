#!/bin/bash
# DESCRIPTION: a node before its cluster is made: Corosync, Pacemaker and its agents, ssh between the nodes (OpenSSH would be removed by an upgrade that brings a later libssl), MariaDB 10.11 configured and stopped
# stage: none
# packages: corosync pacemaker pacemaker-cli-utils resource-agents dropbear-bin
# limit: 1800
set -euo pipefail
. /case/guest/mariadb.sh
. /case/guest/packages.sh
packages_install
ssh_among_guests
corosync-keygen
systemctl disable --quiet mariadb.service corosync.service pacemaker.service
mariadb_configure
dpkg-query -W corosync pacemaker resource-agents dropbear-bin mariadb-server
