#!/bin/bash
# DESCRIPTION: the stand-in for Messaging Server 7.0.5.31.0 on tank/store, with mail that users have worked with, running, ready for an upgrade
# stage: none
# uses: messaging
# limit: 600
set -euo pipefail
. /case/guest/pool.sh
. /case/guest/messaging.sh
pool_create tank 1G
messaging_on_zfs 7.0.5.31.0
mail 60 before
drained
users 40
audit
messaging_version
