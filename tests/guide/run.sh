#!/usr/bin/env bash
# Runs a program in an empty folder of its own. Argument: the program.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$1"
