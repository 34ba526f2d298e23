"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No test may depend on how busy the machine is.
settings.register_profile("lineproof", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lineproof")

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repo() -> Path:
    return REPO


@pytest.fixture(scope="session")
def shared_root() -> Path:
    """The folder of real images and weights; the test is skipped where it is absent, and must not be in CI."""
    root = Path(os.environ.get("LINEPROOF_SHARED", REPO.parent / "shared"))
    if not (root / "data").is_dir():
        if os.environ.get("LINEPROOF_REQUIRE_SHARED"):
            pytest.fail(f"real data are required here, and there are none at {root}")
        pytest.skip(f"no real data at {root}: set LINEPROOF_SHARED")
    return root
