#!/bin/sh
# Makes the base image, a minimal Debian, from Debian's own packages, for a
# machine that reaches no image registry.
#
# usage: make.sh SUITE > base.tar
#
# The archive goes to standard output, for `docker import`; mmdebstrap is installed from Debian's packages where it is missing and may be.
set -eu
suite=${1:?usage: make.sh SUITE}

say() { echo "docker/base: $*" >&2; }

if ! command -v mmdebstrap >/dev/null 2>&1; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        say "mmdebstrap is missing and can only be installed by root on a Debian system."
        say "Install it (apt-get install mmdebstrap), or let Docker pull the base image from a registry."
        exit 3
    fi
    say "installing mmdebstrap"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends mmdebstrap >&2
fi

say "making a minimal Debian $suite with mmdebstrap"
exec mmdebstrap --quiet --variant=apt \
    --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin' \
    "$suite" -
