# shellcheck shell=bash
# Two root file systems with real servers, for the sessions: what runs in them runs natively, without a guest.
# Built once, then taken from the cache. Needs: say.sh, deps.sh.

# VERSION RELEASE PACKAGES: the versions of the playbooks' tested upgrades.
ROOTS_RECIPE='old bookworm mariadb-server,redis-server
new trixie mariadb-server,redis-server'

# roots_dir: the folder that holds `old` and `new`. Another recipe is another folder.
roots_dir() { printf '%s/roots-%s\n' "$(vm_cache)" "$(sha256sum <<<"$ROOTS_RECIPE" | cut -c1-16)"; }

# roots: makes sure that they are there, and prints where.
roots() {
  local dir cache
  dir=$(roots_dir) cache=$(vm_cache)
  mkdir -p "$cache"
  if [ ! -d "$dir" ]; then
    # Two runs at once build them once.
    (
      flock -w 3600 9 || die "another run has been building roots for an hour: see $cache"
      [ -d "$dir" ] || build_roots "$dir"
    ) 9>"$cache/roots.lock" || return 1
  fi
  # One host with both versions, as after an upgrade.
  if [ ! -d "$dir/postgresql" ]; then
    (
      flock -w 3600 9 || die "another run has been building roots for an hour: see $cache"
      [ -d "$dir/postgresql" ] || build_postgresql "$dir"
    ) 9>"$cache/roots.lock" || return 1
  fi
  printf '%s\n' "$dir"
}

build_postgresql() { # DIR
  local dir=$1 mirror
  mirror=$(debian_mirror) || return 1
  rm -rf --one-file-system "$dir/postgresql.building"
  mkdir -p "$dir/postgresql.building"
  say "building a root with PostgreSQL 15 and 17; log: $dir.postgresql.log"
  quietly "$dir.postgresql.log" unshare --mount --propagation private mmdebstrap --mode=root --variant=apt --include=postgresql-15,postgresql-17 \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    trixie "$dir/postgresql.building/old" "deb $mirror trixie main" "deb $mirror bookworm main" </dev/null || return 1
  ln -s old "$dir/postgresql.building/new"
  mv "$dir/postgresql.building" "$dir/postgresql"
  rm -f "$dir.postgresql.log"
}

build_roots() { # DIR
  local dir=$1 mirror version release packages began=$SECONDS
  mirror=$(debian_mirror) || return 1
  # What a run that was killed has left. Nothing is mounted in it: see below.
  rm -rf --one-file-system "$dir.building"
  mkdir -p "$dir.building"
  while read -r version release packages; do
    say "building a root with Debian $release's servers ($packages); log: $dir.$version.log"
    # A mount namespace of its own: what mmdebstrap mounts is gone with it, also when it is killed.
    quietly "$dir.$version.log" unshare --mount --propagation private mmdebstrap --mode=root --variant=apt --include="$packages" \
      --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' --dpkgopt=force-unsafe-io \
      --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
      "$release" "$dir.building/$version" "deb $mirror $release main" </dev/null || return 1
    rm -f "$dir.$version.log"
  done <<<"$ROOTS_RECIPE"
  mv "$dir.building" "$dir"
  say "the roots are ready: $((SECONDS - began)) s, $(du -sh --apparent-size "$dir" | cut -f1)"
}
