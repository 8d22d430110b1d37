# shellcheck shell=bash
# What is given to others: the Debian package, and the archive for a rescue system. Both are built in the build root, so that they fit every Debian from the
# guest's release on. Neither uses libzfs, whose name changes with each release of OpenZFS: the `zfs` command does the same.
# Needs: say.sh, deps.sh, image.sh (IMAGE), build.sh.

CARGO_DEB=3.8.0
# More options of a release build: for tests, all but the link-time optimization, which takes longest.
RELEASE_OPTIONS=()

# cargo_deb: makes sure that it is in the build root's target folder. Built on the host, which has the network, and static, so that it runs in the root.
cargo_deb() {
  local there home
  there=$(build_target)/cargo-deb-$CARGO_DEB home=$(vm_cache)/cargo
  [ ! -x "$there/bin/cargo-deb" ] || return 0
  say "building cargo-deb $CARGO_DEB"
  quietly "$(vm_cache)/cargo-deb.log" env -C / "CARGO_HOME=$home" "CARGO_TARGET_DIR=$there/build" RUSTFLAGS=-Ctarget-feature=+crt-static timeout 3600 \
    cargo install --locked --version "$CARGO_DEB" --no-default-features --features static-lzma --target x86_64-unknown-linux-gnu --root "$there" cargo-deb || return 1
  rm -rf "$there/build"
}

# newest_glibc FILE: the newest version of a symbol of the C library that it needs, within the build root.
newest_glibc() { in_build_root objdump -T "$1" | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -uV | tail -n 1; }

# build_deb DIR: DIR/backout_VERSION_amd64.deb.
build_deb() {
  local dir=$1 need said file
  mkdir -p "$dir"
  cargo_deb || return 1
  in_build_root cargo build --locked --quiet --release --no-default-features "${RELEASE_OPTIONS[@]}" || return 1
  need=$(newest_glibc /build/target/release/backout)
  said=$(sed -n 's/^depends = .*libc6 (>= \([0-9.]*\)).*/\1/p' "$REPO/Cargo.toml")
  [ "$(printf '%s\n' "$need" "$said" | sort -V | tail -n 1)" = "$said" ] ||
    { say "the program needs libc6 $need, and the package says $said: see Cargo.toml"; return 1; }
  in_build_root src/packaging/generate /build/target/release/backout /build/target/release/packaging || return 1
  in_build_root "/build/target/cargo-deb-$CARGO_DEB/bin/cargo-deb" --no-build --no-strip --quiet --output /build/target/backout.deb || return 1
  file=$dir/backout_$(dpkg-deb -f "$(build_target)/backout.deb" Version)_amd64.deb
  cp "$(build_target)/backout.deb" "$file" || return 1
  if ! command -v lintian >/dev/null; then
    say "not checked: $file (apt-get install lintian)"
  else
    quietly "$(vm_cache)/lintian.log" lintian --allow-root --fail-on warning,error "$file" || return 1
  fi
}

# build_rescue DIR: DIR/backout-VERSION-rescue-amd64.tar.gz, with one folder.
build_rescue() {
  local dir=$1 built name work
  mkdir -p "$dir"
  in_build_root env RUSTFLAGS=-Ctarget-feature=+crt-static \
    cargo build --locked --quiet --release --no-default-features "${RELEASE_OPTIONS[@]}" --target x86_64-unknown-linux-gnu || return 1
  built=$(build_target)/x86_64-unknown-linux-gnu/release/backout
  name=backout-$(in_build_root /build/target/x86_64-unknown-linux-gnu/release/backout --version | cut -d' ' -f2)-rescue
  work=$(mktemp -d) || return 1
  mkdir -p "$work/$name/playbooks"
  install -m 755 "$built" "$work/$name/backout"
  install -m 644 "$REPO/src/packaging/rescue.md" "$work/$name/README.md"
  install -m 644 -t "$work/$name" "$REPO"/LICENSE-*
  package_playbooks "$work/$name/playbooks"
  tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -czf "$dir/$name-amd64.tar.gz" "$name" || return 1
  rm -rf "$work"
}

# package_playbooks FOLDER: those that the program has built in, as files.
package_playbooks() {
  local folder
  for folder in "$REPO"/playbooks/*/; do
    [ -f "$folder/playbook.toml" ] || continue
    install -D -m 644 -t "$1/$(basename "$folder")" "$folder"/*.*
  done
}
