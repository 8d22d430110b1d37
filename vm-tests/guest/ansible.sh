# shellcheck shell=bash
# Ansible on node1, for both nodes: node1 itself is reached by ssh, too.
# Needs: pair.sh, backout.sh, the stage `ansible`.
COLLECTIONS=/root/collections

# ansible_begin: the collection is built and installed, and the hosts are named.
ansible_begin() {
  local node
  mkdir -p /root/built
  ansible-galaxy collection build --output-path /root/built /case/playbooks/ansible
  ansible-galaxy collection install --offline --collections-path "$COLLECTIONS" /root/built/backout-backout-*.tar.gz
  {
    printf '[backout]\n'
    for node in 1 2; do printf 'node%s\n' "$node"; done
    printf '[backout:vars]\n'
    printf '%s\n' ansible_connection=ssh ansible_user=root ansible_become=false ansible_python_interpreter=/usr/bin/python3 ansible_ssh_executable=/opt/controller/ssh \
      ansible_ssh_transfer_method=piped ansible_ssh_common_args='"-o ServerAliveInterval=5 -o ServerAliveCountMax=3"' \
      backout_program=/case/bin/backout backout_poll=2 backout_reports=/root/reports
  } >/root/hosts.ini
  mkdir -p /root/reports
  export ANSIBLE_COLLECTIONS_PATHS=$COLLECTIONS ANSIBLE_PIPELINING=True ANSIBLE_TIMEOUT=60 ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=False
  export ANSIBLE_SSH_RETRIES=0 ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_DISPLAY_SKIPPED_HOSTS=False
}

# play well|badly|any NAME [OPTION...]: runs a play of the collection; it must end so, or how it likes, within ten minutes. What it said is in /root/said.
play() {
  local wanted=$1 name=$2 status=0 began=$SECONDS
  shift 2
  timeout --kill-after=20 600 ansible-playbook -i /root/hosts.ini "backout.backout.$name" "$@" </dev/null >/root/said 2>&1 || status=$?
  cat /root/said
  echo "play $name $*: $((SECONDS - began)) s, exit status $status"
  case $wanted in
    well) [ "$status" = 0 ] ;;
    badly) [ "$status" != 0 ] ;;
  esac
}

# recap NODE WORD...: the last play says this of it, such as changed=0.
recap() {
  local node=$1 word line
  shift
  line=$(grep "^node$node  *: " /root/said)
  for word in "$@"; do grep -q " $word " <<<"$line " || { echo "not $word: $line" >&2; return 1; }; done
}

# not_played NODE: the last play did not come to it.
not_played() { ! grep -q "^node$1  *: " /root/said; }

# standing NODE: where the change on it stands, and `none` without one.
standing() {
  on_node "$1" backout --json status >/root/standing || true
  python3 -c 'import json,sys; c = json.load(open("/root/standing"))["changes"]; print(c[0]["standing"] if c else "none")'
}
