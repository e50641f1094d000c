#!/bin/bash
# CAF and libzmq built with ThreadSanitizer, from Debian's sources of the versions that are installed: it then sees how
# they hand messages from thread to thread, which it would call races otherwise. ./dev tsan calls this.
#
#   tests/tsan_libraries.sh FOLDER        puts the libraries into FOLDER/lib
set -euo pipefail
folder=${1:?usage: tsan_libraries.sh FOLDER}
[ ! -e "$folder/lib/done" ] || exit 0
mkdir -p "$folder/sources" "$folder/apt/parts" "$folder/apt/lists" "$folder/lib"
folder=$(cd "$folder" && pwd)

# The machine's own archives, for sources, without changing what it knows of them.
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  [ ! -f "$file" ] || sed 's/^deb /deb-src /; s/^Types: deb$/Types: deb-src/' "$file" >"$folder/apt/parts/$(basename "$file")"
done
apt=(apt-get -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$folder/apt/parts" -o "Dir::State::lists=$folder/apt/lists")
"${apt[@]}" update -qq

# fetch SOURCE_PACKAGE SHA256: its original tarball, unpacked into sources/
fetch() {
  local url
  url=$("${apt[@]}" source --print-uris -qq "$1" | grep -o "'[^']*\.orig\.tar\.gz'" | tr -d "'")
  python3 -c 'import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())' "$url" \
    >"$folder/sources/$1.tar.gz"
  echo "$2  $folder/sources/$1.tar.gz" | sha256sum --check --quiet
  mkdir -p "$folder/sources/$1"
  tar -xzf "$folder/sources/$1.tar.gz" -C "$folder/sources/$1" --strip-components 1
}

# build SOURCE_PACKAGE CMAKE_ARGUMENTS...
build() {
  local name=$1
  shift
  cmake -S "$folder/sources/$name" -B "$folder/$name" -G Ninja -DCMAKE_CXX_COMPILER=g++ \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g1" -DCMAKE_CXX_FLAGS="-fsanitize=thread -w" "$@" >"$folder/$name.log" 2>&1 ||
    { cat "$folder/$name.log" >&2; exit 1; }
  cmake --build "$folder/$name"
}

fetch actor-framework e2bf5bd243f08bb7d8adde197cfe3e6d71314ed3378fe0692f8932f4c3b3928c
build actor-framework -DCAF_NO_IO=ON -DCAF_NO_OPENCL=ON -DCAF_NO_OPENSSL=ON -DCAF_NO_PYTHON=ON -DCAF_NO_EXAMPLES=ON \
  -DCAF_NO_UNIT_TESTS=ON -DCAF_NO_TOOLS=ON
fetch zeromq3 0ff5a531c9ffaf0dfdc7dc78d13d1383088f454896d252934c429b2554d10559
build zeromq3 -DBUILD_TESTS=OFF -DBUILD_STATIC=OFF -DWITH_DOCS=OFF -DENABLE_CURVE=ON -DWITH_LIBSODIUM=OFF
find "$folder/actor-framework" "$folder/zeromq3" \( -name 'libcaf_core.so*' -o -name 'libzmq.so*' \) -exec cp -d {} "$folder/lib/" \;
touch "$folder/lib/done"
