from __future__ import annotations

import subprocess
import sys


def test_inspect_is_never_a_package(repo):
    """An __init__.py there shadows the standard library's `inspect` for everything started from the root."""
    assert not (repo / "inspect" / "__init__.py").exists()
    code = "import inspect, os; assert 'lineproof' not in os.listdir(os.path.dirname(inspect.__file__)), inspect"
    subprocess.run([sys.executable, "-c", code], cwd=repo, check=True)
