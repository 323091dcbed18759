#!/usr/bin/env bash
# install.sh REQUIREMENTS FOLDER: a Python environment with the pinned packages; nothing to do when it is already there.
set -euo pipefail
requirements="$1" folder="$2"
cmp -s "$requirements" "$folder/installed.txt" && exit
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$requirements"
cp "$requirements" "$folder/installed.txt"
