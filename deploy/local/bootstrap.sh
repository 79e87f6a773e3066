#!/bin/sh
# Create .venv at the root of the repository and install the project with its pinned dependencies.
#
# Needs python3 (3.11 or newer) and nothing else: where Python has no ensurepip, as on a Debian with python3
# alone, pip comes out of Debian's own package of it, unpacked in a folder of ours. Installs nothing in the
# system, needs no root, and is safe to run again at any time.
set -eu
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-python3}
PIP_OPTIONS="--quiet --quiet --disable-pip-version-check --root-user-action=ignore"

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Debian's pip, as a file that Python can run, without installing it.
fetch_pip() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        return 1
    fi
    mkdir -p "$1/state/lists/partial" "$1/cache/archives/partial" "$1/packages" || return 1
    set -- "$1" \
        -qq -o Dir::State="$1/state" -o Dir::State::Lists="$1/state/lists" \
        -o Dir::State::Status=/var/lib/dpkg/status \
        -o Dir::Cache="$1/cache" -o Dir::Cache::Archives="$1/cache/archives" \
        -o Debug::NoLocking=true -o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=3
    folder=$1
    shift
    apt-get "$@" update >&2 || return 1
    (cd "$folder/packages" && apt-get "$@" download python3-pip-whl >&2) || return 1
    dpkg-deb -x "$folder"/packages/python3-pip-whl_*.deb "$folder/unpacked" || return 1
    echo "$folder"/unpacked/usr/share/python-wheels/pip-*.whl
}

create_environment() {
    echo "Creating .venv"
    rm -rf .venv
    if "$PYTHON" -c 'import ensurepip' 2>/dev/null && "$PYTHON" -m venv .venv >/dev/null; then
        return
    fi
    rm -rf .venv
    "$PYTHON" -m venv --without-pip .venv || fail "$HOW_TO_GET_VENV"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    wheel=$(fetch_pip "$folder") || fail "$HOW_TO_GET_VENV"
    # shellcheck disable=SC2086  # the options are words
    .venv/bin/python "$wheel/pip" install $PIP_OPTIONS --no-index --no-deps "$wheel" || fail "$HOW_TO_GET_VENV"
}

HOW_TO_GET_VENV="This Python cannot create a virtual environment with pip in it, and pip could not be fetched \
from Debian's packages either. Install what brings venv and pip (Debian, Ubuntu: apt-get install python3-venv; \
Fedora: dnf install python3-pip) and run the same command again."

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Basketry needs Python 3.11 or newer as '$PYTHON'; name another one with PYTHON=..."
.venv/bin/python -m pip --version >/dev/null 2>&1 || create_environment
echo "Installing Basketry and its pinned dependencies into .venv (about a minute the first time)"
# shellcheck disable=SC2086
.venv/bin/python -m pip install $PIP_OPTIONS -c constraints.txt -e '.[dev]'
touch .venv/installed
