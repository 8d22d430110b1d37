# shellcheck shell=bash
# For stages whose head says `packages:`.

# packages_install: installs what is in /case/packages, and starts nothing of it.
packages_install() {
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends /case/packages/*.deb >/result/apt.log 2>&1 || {
    tail -n 30 /result/apt.log
    return 1
  }
  rm /usr/sbin/policy-rc.d
}

# ssh_among_guests: root of every guest that starts from this disk is let in by every other. The keys are made here, and end with the disk.
ssh_among_guests() {
  local key
  install -d -m 700 /root/.ssh
  printf '10.9.8.1 node1\n10.9.8.2 node2\n' >>/etc/hosts
  if [ -x /usr/bin/dropbearkey ]; then
    mkdir -p /etc/dropbear
    key=$(dropbearkey -t ed25519 -f /etc/dropbear/dropbear_ed25519_host_key | sed -n 's/^\(ssh-ed25519 [^ ]*\).*/\1/p')
    printf 'node1 %s\nnode2 %s\n' "$key" "$key" >/root/.ssh/known_hosts
    dropbearkey -t ed25519 -f /root/.ssh/id_dropbear | grep ^ssh-ed25519 >/root/.ssh/authorized_keys
    return 0
  fi
  ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
  cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
  sed 's/^/node1,node2 /' /etc/ssh/ssh_host_ed25519_key.pub >/root/.ssh/known_hosts
}
