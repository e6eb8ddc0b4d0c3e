#!/bin/sh
# Run the newest supported Python, or $PYTHON, with the given arguments.
for candidate in "$PYTHON" python3.14 python3.13 python3.12 python3.11 python3 python; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        exec "$candidate" "$@"
    fi
done
echo "Python 3.11 or newer is needed and was not found. Install it (Debian: apt install python3 python3-venv;" \
    "macOS: brew install python), or name it: make PYTHON=/path/to/python" >&2
exit 1
