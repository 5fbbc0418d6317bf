# Sourced: sets `python` to an interpreter with the pinned packages, made on first use under Cargo's target folder.
peers="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${CARGO_TARGET_DIR:-$peers/../../target}/peers"
python="$venv/bin/python"
if ! cmp -s "$peers/requirements.txt" "$venv/installed"; then
  # What is asked for is on record only once it is there: an installation that was cut off is made anew.
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r "$peers/requirements.txt" >&2
  cp "$peers/requirements.txt" "$venv/installed"
fi
export PYTHONPATH="$peers"
