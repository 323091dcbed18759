#!/usr/bin/env bash
# install-scim2-tester.sh FOLDER: a Python environment with the pinned packages; nothing to do when it is already there.
set -euo pipefail
requirements="$(dirname "${BASH_SOURCE[0]}")/requirements.txt"
folder="$1"
cmp -s "$requirements" "$folder/installed.txt" && exit
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$requirements"
cp "$requirements" "$folder/installed.txt"
