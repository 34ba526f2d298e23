"""Disconnects of programs that are not ours: libmodbus, Mosquitto, asyncua's client, PostgreSQL (fault list, R-20, R-21).

Each kind runs a real line – decision loop, engine process, wire – and breaks the connection for good, again and again, at
random moments: how long until it is back, was any part without its one answer, was any PASS wrong, are files and threads
as before. A kind is added to what the file of the results holds already.

    python tests/benchmarks/interop_disconnects.py --kind all --times 500 --out FILE.json
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from machine import machine  # noqa: E402

from loopback import free_port  # noqa: E402

KINDS = ("modbus", "mqtt", "opcua", "postgres")


def measured(kind: str, times: int, seed: int = 1) -> dict[str, object]:
    """One kind; raises SystemExit when the other program is not there."""
    module = importlib.import_module(f"interop_{kind}")
    if module.missing():
        raise SystemExit(f"{kind}: {module.missing()}")
    about, begun = machine(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="interop-") as folder:
        found = module.disconnects(times, Path(folder), free_port(), random.Random(seed))
    return {"machine": about, **found, "seconds": round(time.monotonic() - begun, 1)}


def main() -> None:
    """Measure, print, write after each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=(*KINDS, "all"), default="all")
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    report = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    for kind in KINDS if options.kind == "all" else (options.kind,):
        report[kind] = measured(kind, options.times)
        sys.stdout.write(json.dumps({kind: report[kind]}, indent=2) + "\n")
        sys.stdout.flush()
        if options.out:
            options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
