#!/bin/bash
# DESCRIPTION: a host with Redis ready for its upgrade, which Ansible reaches by ssh; node1 is also the controller, with ansible-core and an ssh of its own (OpenSSH as a package would be removed by an upgrade that brings a later libssl)
# stage: redis-seeded
# packages: python3-paramiko ansible-core openssh-client dropbear-bin
# limit: 1800
set -euo pipefail
. /case/guest/packages.sh
packages_install
ssh_among_guests
# The controller's own ssh: the program, and what it links to, with the loader: an upgrade may bring another libc. Its key is the one that the guests know.
mkdir -p /opt/controller/lib
cp /usr/bin/ssh /opt/controller/ssh-program
ldd /usr/bin/ssh | sed -n 's|.* => \(/[^ ]*\) .*|\1|p' | xargs -I{} cp -L {} /opt/controller/lib/
cp -L /lib64/ld-linux-x86-64.so.2 /opt/controller/lib/loader
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cat /root/.ssh/id_ed25519.pub >>/root/.ssh/authorized_keys
printf '#!/bin/sh\nexec /opt/controller/lib/loader --library-path /opt/controller/lib /opt/controller/ssh-program "$@"\n' >/opt/controller/ssh
chmod 755 /opt/controller/ssh
apt-get purge -y -qq openssh-client >/result/purge.log 2>&1
/opt/controller/ssh -V
ansible-playbook --version
