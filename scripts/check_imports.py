"""Check the imports between apps: [tool.importlinter] in pyproject.toml."""

import sys
from pathlib import Path

from importlinter.cli import lint_imports

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.exit(lint_imports(no_cache=True))
