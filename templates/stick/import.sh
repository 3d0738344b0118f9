#!/bin/sh
# Made by `aimodels-gen export`. Adds the models on this disk to the Nix store.
# Needs Nix and coreutils. Paths that the store has are skipped: run it again after an interruption.
set -uf
LC_ALL=C
export LC_ALL
unset CDPATH

store='@store@' # for which the hashes in paths.txt are
batch_files=50
batch_bytes=268435456
newline='
'
again='delete what is damaged from the disk, and run `aimodels-gen export` again where it was made'

usage() {
  cat <<EOF
Usage: sh import.sh [--root DIR]

Adds the models on this disk to the Nix store, and compares them with their hashes.

  --root DIR  Keep the store paths from garbage collection, with links in DIR.
EOF
}

fail() { # MESSAGE [HINT [STATUS]]
  printf 'error: %s\n' "$1" >&2
  [ -z "${2-}" ] || printf 'hint: %s\n' "$2" >&2
  exit "${3-1}"
}

problem() { # MESSAGE
  printf 'error: %s\n' "$1" >&2
  problems=$((problems + 1))
}

# Adds files and directories under the names of the store; prints their store paths as JSON. This
# reads each of them once; `nix-store --add-fixed` would read it twice.
add='
  let
    lines = builtins.filter builtins.isString (builtins.split "\n" (builtins.getEnv "AIMODELS_ADD"));
    add =
      line:
      let
        words = builtins.match "([^ ]+) ([^ ]+) (.+)" line;
      in
      builtins.path {
        recursive = builtins.elemAt words 0 == "recursive";
        name = builtins.elemAt words 1;
        path = builtins.elemAt words 2;
      };
  in
  map add lines
'

evaluate() { # EXPRESSION
  nix-instantiate --eval --strict --json --read-write-mode \
    --option restrict-eval false --option pure-eval false -E "$1" 2>"$work/log"
}

reason() { # what Nix complained of, in a line
  text=$(tail -n 1 "$work/log" | cut -c 1-500)
  printf '%s\n' "${text##*error: }"
}

free() { # DIR: the device and the free KiB of the file system that it is on, or will be on
  place=$1
  while [ ! -e "$place" ] && [ "$place" != / ]; do place=$(dirname -- "$place"); done
  df -Pk -- "$place" 2>/dev/null | {
    read -r _
    read -r device _ _ available _
    echo "$device $available"
  }
}

check_room() { # DIR BYTES HINT
  set -- "$1" $((($2 + 1023) / 1024)) "$3" "$(free "$1")"
  case ${4##* } in '' | *[!0-9]*) return ;; esac
  if [ "${4##* }" -lt "$2" ]; then
    fail "$1 does not have enough room: $(($2 / 1024)) MiB are needed, $((${4##* } / 1024)) MiB are free" "$3"
  fi
}

decode() { # WORD: sets $text
  case $1 in
  *\\*)
    text=$(printf '%b.' "$1")
    text=${text%.}
    ;;
  *) text=$1 ;;
  esac
}

lay_out() { # DIRECTORY TARGET: makes a copy that has the modes and links of the store
  mkdir "$2" || return
  if [ ! -f "${1%/*}/%layout" ]; then
    target=$2
    set +f
    set -- "$1"/*
    set -f
    for blob; do
      cat -- "$blob" >"$target/${blob##*/}" || return
    done
    return
  fi
  last=
  while read -r kind what path; do
    decode "$path"
    path=$2/$text
    case /$text/ in */../*) return 1 ;; esac
    if [ "${path%/*}" != "$last" ]; then
      last=${path%/*}
      mkdir -p -- "$last" || return
    fi
    case $kind in
    file | program)
      cat -- "$1/$what" >"$path" || return
      [ "$kind" = file ] || chmod +x -- "$path"
      ;;
    link)
      decode "$what"
      ln -s -- "$text" "$path" || return
      ;;
    directory) mkdir -p -- "$path" || return ;;
    *) return 1 ;;
    esac
  done <"${1%/*}/%layout"
}

is_whole() { # compares paths.txt with its checksum, where there is one
  [ -f "$here/SHA256SUMS" ] && command -v sha256sum >/dev/null || return 0
  while read -r sum name; do
    [ "$name" != paths.txt ] || echo "$sum  $name"
  done <"$here/SHA256SUMS" | (cd -- "$here" && sha256sum --check --status)
}

store_name() { # NAME ON THE DISK: sets $stored
  stored=$1
  case $1 in *%*)
    stored=$(printf '%s' "$1" | sed 's/%3F/?/g; s/%2E/./g') ;;
  esac
}

look_at() { # KIND SIZE HASH NAME: sets $line, what Nix is to add; fails where the disk has it not
  at=$here/files/$3/$4
  store_name "$4"
  line="$1 $stored $at"
  if [ ! -e "$at" ]; then
    problem "files/$3/$4 is not on this disk"
    return 1
  fi
  if [ "$1" = flat ]; then
    if ! has=$(wc -c 2>/dev/null <"$at"); then
      problem "files/$3/$4 cannot be read"
      return 1
    fi
    if [ "$((has))" -ne "$2" ]; then
      problem "files/$3/$4 is damaged: it has $((has)) bytes, not $2"
      return 1
    fi
    return 0
  fi
  rm -rf "${work:?}/tree"
  check_room "$work" "$2" "set TMPDIR to a directory with more room, such as TMPDIR=/var/tmp"
  if ! lay_out "$at" "$work/tree" 2>"$work/log"; then
    problem "files/$3/$4 cannot be read, or is damaged: $(reason)"
    return 1
  fi
  line="$1 $stored $work/tree"
}

explain() { # NAMES: fails as Nix did, unless it is for a file that cannot be read
  case $(cat "$work/log") in
  *'Input/output error'*) return ;;
  *'No space left on device'* | *'Disk quota exceeded'*)
    fail "the store is full: $1 could not be added to $store" \
      "free some space (nix-collect-garbage -d), then run this again: it continues"
    ;;
  esac
  fail "Nix could not add $1: $(reason)" \
    'check that you may add to the store: `nix-store --add README.txt` has to succeed on this disk'
}

flush() { # adds what waits in $lines, and compares the store paths with those in $expected
  [ -n "$lines" ] || return 0
  printf 'adding %s\n' "$label" >&2
  added=$(AIMODELS_ADD=${lines%"$newline"} evaluate "$add") || {
    explain "$label"
    one_by_one
    return
  }
  added=$(printf '%s' "$added" | tr -d '[]"' | tr , '\n')
  for path in $expected; do
    found=${added%%"$newline"*}
    added=${added#*"$newline"}
    if [ "$found" = "$path" ]; then
      count=$((count + 1))
      keep "$path"
    else
      path=${path#"$store/"}
      problem "files/$(on_disk "$path") is damaged: it has not the content that was exported"
      nix-store --delete "$found" >/dev/null 2>&1
    fi
  done
  lines='' expected='' waiting=0 bytes=0
  rm -rf "${work:?}/tree"
}

one_by_one() { # adds what can be read of what waits
  if [ "$waiting" -eq 1 ]; then
    problem "$label cannot be read: $(reason)"
    lines='' expected='' waiting=0 bytes=0
    return
  fi
  all=$lines paths=$expected
  for path in $paths; do
    lines=${all%%"$newline"*}$newline
    all=${all#*"$newline"}
    expected=$path label=${path##*/} waiting=1
    flush
  done
}

on_disk() { # HASH-NAME
  name=${1#*-}
  case $name in
  *'?'* | *.) name=$(printf '%s' "$name" | sed 's/?/%3F/g; s/\.$/%2E/') ;;
  esac
  echo "${1%%-*}/$name"
}

keep() { # PATH: from garbage collection
  [ -n "$root" ] || return 0
  link=$root/${1##*/}
  [ "$(readlink -- "$link")" != "$1" ] || return 0
  nix-store --realise --add-root "$link" --indirect "$1" >/dev/null 2>"$work/log" ||
    fail "Nix could not make $link: $(reason)" "name another directory: --root DIR"
}

missing() { # reads lines of paths.txt; prints those that the store lacks, and keeps the others
  while :; do
    rows='' number=0
    set --
    while [ "$number" -lt 100 ] && read -r kind size hash name; do
      case $kind/$size in
      flat/*[!0-9]* | recursive/*[!0-9]* | flat/ | recursive/) kind= ;;
      esac
      case $kind in flat | recursive) ;; *) fail "paths.txt is damaged" "$again" ;; esac
      store_name "$name"
      set -- "$@" "$store/$hash-$stored"
      rows="$rows$kind $size $hash $name$newline"
      number=$((number + 1))
    done
    [ "$number" -gt 0 ] || return 0
    absent=$(nix-store --check-validity --print-invalid "$@" 2>"$work/log") || return 1
    absent=$newline$absent$newline
    while read -r kind size hash name; do
      [ -n "$kind" ] || continue
      case $absent in
      *"$newline$store/$hash-"*) echo "$kind $size $hash $name" ;;
      *) store_name "$name" && keep "$store/$hash-$stored" ;;
      esac
    done <<EOF
$rows
EOF
  done
}

root=
while [ $# -gt 0 ]; do
  case $1 in
  --root)
    [ -n "${2-}" ] || fail '--root needs a directory' 'see `sh import.sh --help`' 2
    root=$2
    shift
    ;;
  --root=?*) root=${1#*=} ;;
  -h | --help)
    usage
    exit
    ;;
  *) fail "there is no argument $1" 'see `sh import.sh --help`' 2 ;;
  esac
  shift
done
case $root in '' | /*) ;; *) root=$PWD/$root ;; esac

here=$(cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
case $here in *"$newline"*) fail "the path of this disk has a line break" "mount it elsewhere" ;; esac
[ -f "$here/paths.txt" ] || fail "there is no paths.txt in $here" \
  'run the script on the disk: `sh /media/disk/import.sh`; if the file is lost, export again'
is_whole || fail "paths.txt is damaged" "$again"
for program in nix-store nix-instantiate; do
  command -v "$program" >/dev/null || fail "there is no $program on PATH" \
    'install Nix, or add it to PATH: `. /nix/var/nix/profiles/default/etc/profile.d/nix.sh`'
done
case ${TMPDIR-/} in '' | /*) ;; *) TMPDIR=$PWD/$TMPDIR ;; esac
work=$(mktemp -d "${TMPDIR:-/var/tmp}/aimodels-import.XXXXXX") || fail \
  "there is no room for temporary files in ${TMPDIR:-/var/tmp}" "set TMPDIR to another directory"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

problems=0 count=0 total=0 needed=0
found=$(evaluate builtins.storeDir) || fail "Nix does not answer: $(reason)" \
  'start the Nix daemon: `sudo systemctl start nix-daemon`'
[ "$found" = "\"$store\"" ] || fail "the store of this machine is $(echo "$found" | tr -d '"'), not $store" \
  "export the models again on a machine with the same store directory"
[ -z "$root" ] || mkdir -p -- "$root" 2>"$work/log" || fail "$(reason)" "name another directory: --root DIR"
missing <"$here/paths.txt" >"$work/missing" || fail "nix-store does not answer: $(reason)" \
  'start the Nix daemon: `sudo systemctl start nix-daemon`'
while read -r kind size hash name; do
  total=$((total + 1)) needed=$((needed + size))
done <"$work/missing"
check_room "$store" "$needed" "free some space (nix-collect-garbage -d), then run this again"

lines='' expected='' waiting=0 bytes=0
while read -r kind size hash name <&3; do
  # A directory uses $work/tree, which is one.
  if [ "$waiting" -ge "$batch_files" ] || [ "$kind" = recursive ] ||
    { [ "$waiting" -gt 0 ] && [ $((bytes + size)) -gt "$batch_bytes" ]; }; then
    flush
  fi
  look_at "$kind" "$size" "$hash" "$name" || continue
  lines=$lines$line$newline
  expected="$expected$store/$hash-$stored "
  waiting=$((waiting + 1)) bytes=$((bytes + size))
  label=$name
  [ "$waiting" -eq 1 ] || label="$waiting files"
  [ "$kind" = flat ] || flush
done 3<"$work/missing"
flush

[ "$problems" -eq 0 ] || fail "$problems of $total paths could not be added" "$again"
all=$(($(wc -l <"$here/paths.txt")))
others='; the others were there'
[ "$count" -lt "$all" ] || others=
echo "$count of $all paths were added$others" >&2
