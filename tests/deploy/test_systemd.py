from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
DEPLOY = REPO / "deploy/line"
UNIT = DEPLOY / "lineproof@.service"
# systemd's own scale: below 2.5 is "OK", 10 is no sandbox at all.
MOST_EXPOSURE = 2.0

analyzer = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def settings(path: Path) -> dict[str, list[str]]:
    """Every assignment of a unit file, in order."""
    told: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            told.setdefault(name, []).append(value)
    return told


def installed(folder: Path, *drop_ins: str) -> Path:
    """The unit as it would lie on a machine that has lineproof installed."""
    program = folder / "lineproof"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name, source in [("lineproof@.service", UNIT), *((f"lineproof@.service.d/{d}", DEPLOY / d) for d in drop_ins)]:
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(source.read_text("utf-8").replace("/opt/lineproof/bin/lineproof", str(program)), "utf-8")
    return folder / "lineproof@demo.service"


def test_it_speaks_to_systemd_and_is_watched():
    told = settings(UNIT)
    assert told["Type"] == ["notify"]
    assert 0 < int(told["WatchdogSec"][0]) <= 30
    assert told["ExecStart"] == ["/opt/lineproof/bin/lineproof run --quiet /etc/lineproof/%i.yaml"]


def test_restarts_have_a_budget():
    told = settings(UNIT)
    assert told["Restart"] == ["on-failure"]
    starts, window_s = int(told["StartLimitBurst"][0]), int(told["StartLimitIntervalSec"][0])
    # Five starts, each failing at once, must fit into the window: else it would go on for ever.
    assert starts * (float(told["RestartSec"][0]) + 10) < window_s


def test_records_are_drained_before_it_is_killed():
    from lineproof.records.journal import CLOSE_S

    assert int(settings(UNIT)["TimeoutStopSec"][0]) > CLOSE_S


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("User", "lineproof"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("DevicePolicy", "closed"),
        ("CapabilityBoundingSet", ""),
        ("StateDirectory", "lineproof"),
    ],
)
def test_the_sandbox(name, value):
    assert settings(UNIT)[name] == [value]


def test_its_devices_are_cameras_and_lines_of_a_chip():
    assert settings(UNIT)["DeviceAllow"] == ["char-video4linux rw", "char-usb_device rw", "char-gpiochip rw"]


def test_leases_of_cameras_are_those_of_the_whole_machine():
    from lineproof.sources.lease import LOCKS

    assert settings(UNIT)["ReadWritePaths"] == [f"-{LOCKS}"]


@analyzer
@pytest.mark.parametrize("drop_ins", [(), ("cuda.conf",), ("serve.conf",), ("cuda.conf", "serve.conf")])
def test_systemd_takes_it(tmp_path, drop_ins):
    unit = installed(tmp_path, *drop_ins)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "lineproof" in line]
    assert (done.returncode, ours) == (0, [])


@analyzer
def test_a_misspelt_key_would_be_seen(tmp_path):
    unit = installed(tmp_path, "cuda.conf")
    (tmp_path / "lineproof@.service.d/cuda.conf").write_text("[Service]\nDeviceAlow=x\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert "DeviceAlow" in done.stderr


@analyzer
def test_its_exposure_stays_low():
    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=yes",
            "--no-pager",
            f"--threshold={int(MOST_EXPOSURE * 10)}",
            str(UNIT),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:]


@analyzer
def test_no_way_to_root_is_left():
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--json=short", str(UNIT)],
        capture_output=True,
        text=True,
        check=True,
    )
    for item in json.loads(done.stdout):
        if item["json_field"].startswith("CapabilityBoundingSet") or item["json_field"] == "UserOrDynamicUser":
            assert item["set"] is True, item


def test_serving_needs_a_token_and_no_camera():
    told = settings(DEPLOY / "serve.conf")
    assert told["ExecStart"][0] == ""  # the camera loop is taken away, not added to
    assert "--token-file ${CREDENTIALS_DIRECTORY}/token" in told["ExecStart"][1]
    assert told["WatchdogSec"] == ["0"]
    assert told["DeviceAllow"] == [""]
