# shellcheck shell=bash
# The options that vm-tests/demo and vm-tests/test share.
# Needs: say.sh.

MACHINE='' ZFS='' CACHE='' MIRROR='' KEEP=''
# Processors of a guest. Two guests run at once: where emulated processors are more than real ones, a guest takes twice as long.
CPUS=$(($(nproc) >= 4 ? 2 : 1))
# How long a guest may take until its case begins, in seconds. It takes 2 to 20, on a busy machine 90.
BOOT_LIMIT=300

# shared_option WORD...: takes the first option of these if it is one of the shared ones, and sets TAKEN to the number of its words.
shared_option() {
  TAKEN=2
  case $1 in
    --keep) KEEP=yes TAKEN=1 && return 0 ;;
    --machine | --zfs | --cache | --mirror | --cpus | --boot-limit) [ -n "${2:-}" ] || die "$1 needs a value (see --help)" ;;
    *) return 1 ;;
  esac
  case $1 in
    --machine)
      [[ $2 =~ ^(kvm|uml|tcg)$ ]] || die "no such machine: $2 (kvm, uml or tcg)"
      MACHINE=$2
      ;;
    --zfs)
      [[ $2 =~ ^2\.[13]$ ]] || die "no guest with OpenZFS $2: 2.1 and 2.3 are Debian's own"
      ZFS=$2
      ;;
    --cache) CACHE=$2 ;;
    --mirror) MIRROR=$2 ;;
    --cpus | --boot-limit)
      [[ $2 =~ ^[1-9][0-9]*$ ]] || die "$1 needs a number, not '$2'"
      case $1 in --cpus) CPUS=$2 ;; *) BOOT_LIMIT=$2 ;; esac
      ;;
  esac
}

# options_fit: dies where two of them exclude each other.
options_fit() {
  [ "$MACHINE" != uml ] || [ -z "$ZFS" ] || die "--zfs goes with kvm and tcg: User-Mode Linux runs the newest OpenZFS that its kernel takes"
}

# print_help SCRIPT: the comment at its top.
print_help() { sed -n '2,/^set/{/^#/s/^# \?//p}' "$1"; }
