# shellcheck shell=bash
# What is given to others: the Debian package, and the archive for a rescue system. Both are built in the build root, so that they fit every Debian from the
# guest's release on. Neither uses libzfs, whose name changes with each release of OpenZFS: the `zfs` command does the same.
# Needs: say.sh, deps.sh, image.sh (IMAGE), build.sh.

CARGO_DEB=3.8.0
# `dev` in tests: what is optimized takes ten times as long to build. Both have no failpoints.
PACKAGE_PROFILE=release

# Where cargo puts what it builds with this profile.
profile_folder() { if [ "$PACKAGE_PROFILE" = dev ]; then echo debug; else echo "$PACKAGE_PROFILE"; fi; }

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
  local dir=$1 need said built file packed=/build/target/package
  mkdir -p "$dir" "$(build_target)/package/release"
  cargo_deb || return 1
  in_build_root cargo build --locked --quiet --profile "$PACKAGE_PROFILE" --no-default-features || return 1
  in_build_root strip -o "$packed/release/backout" "/build/target/$(profile_folder)/backout" || return 1
  need=$(newest_glibc "$packed/release/backout")
  said=$(sed -n 's/^depends = .*libc6 (>= \([0-9.]*\)).*/\1/p' "$REPO/Cargo.toml")
  [ "$(printf '%s\n' "$need" "$said" | sort -V | tail -n 1)" = "$said" ] ||
    { say "the program needs libc6 $need, and the package says $said: see Cargo.toml"; return 1; }
  in_build_root src/packaging/generate "$packed/release/backout" "$packed/release/packaging" || return 1
  in_build_root env "CARGO_TARGET_DIR=$packed" "/build/target/cargo-deb-$CARGO_DEB/bin/cargo-deb" --no-build --no-strip --quiet \
    --output "$packed/backout.deb" || return 1
  built=$(build_target)/package/backout.deb
  file=$dir/backout_$(dpkg-deb -f "$built" Version)_amd64.deb
  cp "$built" "$file" || return 1
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
    cargo build --locked --quiet --profile "$PACKAGE_PROFILE" --no-default-features --target x86_64-unknown-linux-gnu || return 1
  built=x86_64-unknown-linux-gnu/$(profile_folder)/backout
  name=backout-$(in_build_root "/build/target/$built" --version | cut -d' ' -f2)-rescue
  work=$(mktemp -d) || return 1
  mkdir -p "$work/$name/playbooks"
  strip -o "$work/$name/backout" "$(build_target)/$built" || return 1
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
