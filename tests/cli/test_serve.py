"""`lineproof serve`: what it refuses at once, and a whole life in a process of its own, up to Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

import lineproof.cli.serve as verb
from lineproof.cli.serve import serve
from lineproof.errors import GateError, InputError, SettingsError
from loopback import free_port
from serve.served import picture
from tiny_bundle import tiny_bundle

# The verb with a scripted engine in the bundle's place; argv: what loading does, then the verb's options as JSON.
SCRIPT = """
import json, sys
from pathlib import Path
import lineproof.cli.serve as verb
from lineproof.errors import BundleError, EngineError, GateError
from serve.served import Kept, SCRATCH, engine, loaded

class Loud(Kept):
    def close(self):
        sys.stderr.write(f"closed with {len(self.rows)} rows\\n")

def load(plan):
    if sys.argv[1] == "changed":
        raise BundleError("part.bundle: model.onnx was changed after sealing", hint="copy it again")
    if sys.argv[1] == "no-card":
        raise EngineError("the CUDA provider is not there", hint="install the driver")
    if sys.argv[1] == "unproven":
        raise GateError("part.bundle: not proven, and the line requires it", hint="prove it")
    return loaded(engine(otherwise=SCRATCH))

verb._load = load
verb._recorder = lambda plan: Loud()
from lineproof.cli import main as cli
cli.app.command("serve-scripted")(verb.serve)
cli.main(["serve-scripted", "part.bundle", *sys.argv[2:]])
"""


def start(*argv: str, **environment: str) -> subprocess.Popen[str]:
    tests = Path(__file__).parent.parent
    path = os.pathsep.join([str(tests), str(tests.parent / "inspect")])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *argv],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


WIRE = httpx.Client(verify=False, timeout=60)  # plain HTTP: reading certificates for every question takes longer


@pytest.fixture(scope="module", autouse=True)
def _wire_is_closed():
    yield
    WIRE.close()


def wait_for(url: str, status: int) -> httpx.Response:
    for _ in range(2000):
        try:
            answer = WIRE.get(url)
        except httpx.ConnectError:
            pass
        else:
            if answer.status_code == status:
                return answer
        time.sleep(0.01)
    pytest.fail(f"{url} did not say {status}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop_and_sums_up(number):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = start("works", "--port", str(port), "--json")
    wait_for(f"{url}/v1/health/ready", 200)
    assert WIRE.post(f"{url}/v1/inspect?part_id=a", content=picture()).json()["decision"] == "FAIL"
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    facts = json.loads(out)
    assert (facts["url"], facts["decisions"]["FAIL"], facts["ready"]) == (url, 1, True)
    assert f"curl --data-binary @part.jpg '{url}/v1/inspect?part_id=4711'" in err
    assert "ready after" in err
    assert "POST /v1/inspect 200" in err
    assert "closed with 1 rows" in err
    assert "Traceback" not in err


def test_a_changed_bundle_ends_it_with_one_line():
    process = start("changed", "--port", "0")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, "")
    assert "lineproof: part.bundle: model.onnx was changed after sealing – copy it again\n" in err
    assert "closed with 0 rows" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("trouble", "reason", "remedy"),
    [
        ("no-card", "the CUDA provider is not there", "install the driver"),
        ("unproven", "part.bundle: not proven, and the line requires it", "prove it"),
    ],
)
def test_what_someone_can_mend_leaves_it_up_and_not_ready(trouble, reason, remedy):
    port = free_port()
    process = start(trouble, "--port", str(port))
    answer = wait_for(f"http://127.0.0.1:{port}/v1/health/ready", 503)
    while reason not in answer.text:
        answer = WIRE.get(f"http://127.0.0.1:{port}/v1/health/ready")
    assert answer.json()["error"]["hint"] == remedy
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert f"NOT READY: {reason} – {remedy}" in err


def test_a_proof_required_by_the_line_file_is_asked_of_its_bundle(tmp_path):
    tiny_bundle(tmp_path / "bundle")
    (tmp_path / "line.yaml").write_text("{name: press-3, bundle: bundle, require_proof: true}")
    with pytest.raises(GateError, match="not proven, and the line requires it"):
        verb._load(verb._plan(tmp_path / "line.yaml", "cpu", {}))


def test_the_token_of_the_environment_is_asked_for_and_never_shown():
    port = free_port()
    secret = "a-secret-of-many-letters"
    process = start("works", "--port", str(port), LINEPROOF_TOKEN=secret)
    url = f"http://127.0.0.1:{port}/v1/stats"
    wait_for(url, 401)
    assert WIRE.get(url, headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert secret not in out + err
    assert "Authorization: Bearer" in err


def test_another_address_without_a_token_is_refused(monkeypatch):
    monkeypatch.delenv("LINEPROOF_TOKEN", raising=False)
    with pytest.raises(SettingsError, match=r"0\.0\.0\.0 can be reached from other machines") as raised:
        serve(Path("part.bundle"), host="0.0.0.0")
    assert "--token-file" in raised.value.hint
    assert "secrets.token_urlsafe" in raised.value.hint


def test_a_short_token_is_refused(tmp_path):
    (tmp_path / "token.txt").write_text("short")
    with pytest.raises(SettingsError, match="at least 16"):
        serve(Path("part.bundle"), token_file=tmp_path / "token.txt")


def test_a_taken_port_is_told_before_anything_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen on 127[.]0[.]0[.]1:{port}") as raised:
            serve(Path("part.bundle"), port=port)
    assert "--port" in raised.value.hint


@pytest.mark.parametrize("options", [{"queue": 0}, {"deadline_ms": -1.0}, {"port": 70_000}])
def test_an_option_out_of_range_names_itself(options):
    with pytest.raises(SettingsError, match=f"command line: {next(iter(options))}"):
        serve(Path("part.bundle"), **options)


def test_a_line_file_with_a_misspelt_key_is_refused(tmp_path):
    line = tmp_path / "line.yaml"
    line.write_text("name: l\nbundle: part.bundle\nserve: {prot: 80}\n")
    with pytest.raises(SettingsError, match="did you mean 'port'"):
        serve(line)
