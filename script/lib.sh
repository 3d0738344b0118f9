# Shared by script/test and script/demo: what a fresh machine lacks, and the virtual environment.
# Sourced, with the checkout as the current directory.

# Another run's environment is not what to make a new one with.
PATH=${PATH//"$PWD/.venv/bin:"/}

say() {
  printf '\n== %s\n' "$*"
}

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# Install the Debian packages of those things that are not there; where that cannot be done, say what to install.
# Arguments are more of them, each a program or a file and its package: `need nginx=nginx`.
need() {
  local packages=() root=() pair
  finds git || packages+=(git)
  finds git-lfs || packages+=(git-lfs)
  finds nix || packages+=(nix-bin)
  finds debootstrap || packages+=(debootstrap)
  # Builds in the sandbox see the system's own Python, not this machine's other ones.
  /usr/bin/python3 -c 'import botocore, requests' 2>/dev/null ||
    packages+=(python3-botocore python3-requests ca-certificates)
  find_python >/dev/null || packages+=(python3 python3-venv)
  for pair; do
    finds "${pair%%=*}" || packages+=("${pair#*=}")
  done
  [ ${#packages[@]} -gt 0 ] || return 0

  [ "$(id -u)" = 0 ] || root=(sudo -n)
  if ! command -v apt-get >/dev/null || ! "${root[@]}" true 2>/dev/null; then
    fail "please install: ${packages[*]} (names as in Debian)"
  fi
  say "apt-get install ${packages[*]}"
  "${root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null ||
    fail "please install: ${packages[*]} (names as in Debian)"
}

# Whether there is such a program, of which some are where only root looks, or a file that matches a pattern.
finds() {
  if [[ $1 == /* ]]; then
    compgen -G "$1" >/dev/null
  else
    PATH=$PATH:/usr/sbin type -P "$1" >/dev/null
  fi
}

# A Python that is new enough and can make virtual environments.
find_python() {
  local python
  for python in python3 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  return 1
}

# The virtual environment .venv, made anew when what it should hold has changed, and put on PATH.
activate() {
  local python wanted
  python=$(find_python) || fail "please install Python 3.10 or newer, with venv"
  wanted=$(
    {
      "$python" -VV
      pwd
      sed '/^\[tool\./,$d' pyproject.toml
      cat script/lib.sh
    } | sha256sum
  )
  if [ "$(cat .venv/holds 2>/dev/null)" != "$wanted" ]; then
    say "pip install (into .venv)"
    "$python" -m venv --clear .venv
    .venv/bin/python -m pip install -qq --upgrade pip
    export PIP_NO_COMPILE=1 # which takes pip one processor and minutes, for torch
    install_torch
    .venv/bin/python -m pip install -qq -e '.[dev,demo]'
    # All of it: who may not write here would compile what is missing again each time. Some is no Python 3.
    .venv/bin/python -m compileall -qq -j 0 .venv/lib || true
    echo "$wanted" >.venv/holds
  fi
  PATH=$PWD/.venv/bin:$PATH
}

# The CPU build of torch: what PyPI has for Linux drags in several GB of CUDA. pip may know a CPU build (from
# its find-links or an index of the machine); if not, uv knows where PyTorch keeps them. Where only PyPI can be
# reached, the large build serves as well.
install_torch() {
  local torch=torch==2.13.0
  if [ "$(uname -s)" = Linux ] && ! pip_finds "$torch" | grep -q '+cpu$'; then
    .venv/bin/python -m pip install -qq uv
    .venv/bin/uv pip install -qq --python .venv/bin/python --torch-backend=cpu "$torch" 2>/dev/null && return
    say "no CPU build of torch can be reached: installing PyPI's, which takes several GB"
  fi
  .venv/bin/python -m pip install -qq "$torch"
}

# The version that pip would install.
pip_finds() {
  .venv/bin/python -m pip install -qq --dry-run --no-deps --ignore-installed --report - "$1" 2>/dev/null |
    .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["install"][0]["metadata"]["version"])'
}
