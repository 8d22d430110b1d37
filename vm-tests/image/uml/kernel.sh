# shellcheck shell=bash
# The kernel of a User-Mode Linux and the modules of OpenZFS for it, from the sources that Debian's archive has. Sourced by lib/uml.sh.

# uml_newer A B: is the version A the same or later than B?
uml_newer() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# uml_versions FOLDER: asks the archive which versions there are, and fetches the newest OpenZFS that takes one of its kernels: FOLDER/zfs-dkms (the
# module's source), FOLDER/zfs-commands (a tar file: the newest source of that series, for the commands) and FOLDER/linux (a tar file). Needs apt_private's APT.
uml_versions() {
  local folder=$1 zfs series maximum linux package tried=' ' commands
  cd "$folder" || return 1
  while read -r zfs; do
    # Of one upstream version one package is enough.
    [[ "$tried" != *" ${zfs%%-*} "* ]] || continue
    tried+="${zfs%%-*} "
    "${APT[@]}" download "zfs-dkms=$zfs" || continue
    rm -rf dkms zfs-dkms
    dpkg-deb -x zfs-dkms_*.deb dkms && rm -f zfs-dkms_*.deb && mv dkms/usr/src/zfs-* zfs-dkms || return 1
    maximum=$(sed -n 's/^Linux-Maximum: *//p' zfs-dkms/META)
    linux=''
    while read -r package; do
      uml_newer "${package#linux-source-}" 6.16 && uml_newer "$maximum" "${package#linux-source-}" && linux=$package && break
    done < <("${APT_CACHE[@]}" --names-only search '^linux-source-[0-9.]+$' | cut -d' ' -f1 | sort -rV)
    [ -n "$linux" ] || continue
    series=$(cut -d. -f1,2 <<<"$zfs")
    commands=''
    while read -r commands; do
      "${APT[@]}" source --download-only --tar-only "zfs-linux=$commands" && break
      commands=''
    done < <("${APT_CACHE[@]}" showsrc --only-source zfs-linux | sed -n "s/^Version: \($series\..*\)/\1/p" | sort -rVu)
    [ -n "$commands" ] || continue
    mv zfs-linux_*.orig.tar.* zfs-commands || return 1
    "${APT[@]}" download "$linux" && dpkg-deb -x "$linux"_*.deb package && rm -f "$linux"_*.deb || return 1
    mv package/usr/src/linux-source-*.tar.* linux && rm -rf package || return 1
    printf '%s\n' "$linux" >linux-name
    printf '%s\n' "${zfs%%-*}" >zfs-version
    printf '%s\n' "${commands%%-*}" >commands-version
    return 0
  done < <("${APT_CACHE[@]}" madison zfs-dkms | awk '{ print $3 }' | sort -rVu)
  echo "no OpenZFS here takes a kernel of at least 6.16 that is here, too" >&2
  return 1
}

# uml_kernel_build FOLDER RECIPE: from what uml_versions fetched: FOLDER/done/linux and FOLDER/done/modules.
uml_kernel_build() {
  local folder=$1 recipe=$2 jobs release option
  jobs=$(nproc)
  cd "$folder" || return 1
  mkdir -p source object done/modules
  tar -xf linux -C source --strip-components=1 && rm -f linux
  bash "$recipe/patch-kernel.sh" source || return 1
  make -s -C source ARCH=um O="$folder/object" KCONFIG_ALLCONFIG="$recipe/kernel.config" allnoconfig || return 1
  for option in $(grep -o '^CONFIG_[A-Z0-9_]*' "$recipe/kernel.config"); do
    grep -q "^$option=" object/.config || { echo "this kernel has no $option" >&2; return 1; }
  done
  make -s -C object "-j$jobs" ARCH=um linux modules || return 1
  bash "$recipe/patch-zfs.sh" zfs-dkms || return 1
  (cd zfs-dkms && ./configure --quiet --with-config=kernel --with-linux="$folder/source" --with-linux-obj="$folder/object" ARCH=um && make -s "-j$jobs" ARCH=um) || return 1
  make -s -C object ARCH=um INSTALL_MOD_PATH="$folder/done/modules" modules_install || return 1
  release=$(cat object/include/config/kernel.release)
  mkdir "done/modules/lib/modules/$release/extra"
  for module in spl zfs; do strip --strip-debug -o "done/modules/lib/modules/$release/extra/$module.ko" "zfs-dkms/module/$module.ko" || return 1; done
  rm -f "done/modules/lib/modules/$release"/{build,source}
  depmod -b done/modules "$release" && strip -o done/linux object/linux || return 1
  printf '%s\n' "${release%-uml}" >done/kernel-version
  mv zfs-version commands-version done/
}
