"""Each result to a receiver by HTTP POST: the JSON of `messages/result.schema.json`, until it is answered with 2xx.

`Idempotency-Key: <session>-<seq>` is the same each time a result is sent; of its copies only `is_historical` may differ.
Results alone go this way, one after the other in their order.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lineproof.core.station import Command, PartResult, StationView
from lineproof.errors import SettingsError, SignalError
from lineproof.signals.http_callback_settings import HttpCallbackSettings
from lineproof.signals.http_poster import HttpPoster, PostError
from lineproof.signals.messages.result import result_message
from lineproof.signals.messages.values import encode
from lineproof.signals.store_forward import StoreForward, StoreHealth
from lineproof.signals.store_queue import Handed, Kind, Message

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
FAREWELL_S = 1.0  # for what waits, once `close` was called
# The receiver will never take this very message, and those behind it must not wait for ever. Any other refusal (of a
# token, a path, the moment) may pass, or a person will see to it.
NEVER = (400, 413, 422)


@dataclass(frozen=True, slots=True)
class HttpCallbackHealth:
    """The wire as it is now, and what it counted."""

    failing: bool  # the last attempt failed
    posted: int  # results that were answered with 2xx
    refused: int  # results that the receiver will never take: lost to it
    failures: int  # attempts; all were tried again
    last_error: str  # "" when there was none
    store: StoreHealth


class HttpCallback:
    """Implements ports.Controller; a receiver that is away or slow costs nothing but room in the store."""

    def __init__(self, settings: HttpCallbackSettings, *, beside: Path = Path()) -> None:
        """Files of the settings lie `beside` the line file.

        Raises:
            SettingsError: `ca_file` cannot be read.
            SignalError: the folder of the store cannot be used.
        """
        tls = _tls_context(settings, beside) if settings.url.startswith("https:") else None
        self._settings = settings
        self._timeout_s = settings.timeout_ms / 1000
        self._poster = HttpPoster(settings.url, self._timeout_s, tls)
        self._store = StoreForward(settings.store, beside)
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._end_s = 0.0
        self._offered: PartResult | None = None
        self._failing = False
        self._posted = self._refused = self._failures = 0
        self._last_error = ""
        self._thread = threading.Thread(target=self._run, name="http-callback", daemon=True)
        self._thread.start()

    def show(self, view: StationView) -> None:
        """Hand the result of the view over, once.

        Raises:
            SignalError: after `close`, or when the thread of the wire has died.
        """
        self._check_alive()
        result = view.result
        if result is None or result is self._offered:
            return
        self._offered = result
        payload = encode(result_message(result, self._settings.station))
        if self._store.offer(Message(Kind.RESULT, result.session, result.seq, payload)):
            self._wake.set()

    def commands(self) -> Sequence[Command]:
        """None ever; raises SignalError as `show`."""
        self._check_alive()
        return ()

    def health(self) -> HttpCallbackHealth:
        """Counters and the last error."""
        return HttpCallbackHealth(
            failing=self._failing,
            posted=self._posted,
            refused=self._refused,
            failures=self._failures,
            last_error=self._last_error,
            store=self._store.health(),
        )

    def close(self) -> None:
        """Send what waits for a moment, then hang up; what is not in a folder by then is lost."""
        if self._closing.is_set():
            return
        self._end_s = time.monotonic() + FAREWELL_S
        self._closing.set()
        self._wake.set()
        self._thread.join(FAREWELL_S)
        self._poster.abort()
        self._thread.join(self._timeout_s + 1)  # connecting cannot be interrupted
        self._store.close()

    def _check_alive(self) -> None:
        if self._closing.is_set():
            raise SignalError("http_callback: the wire is closed")
        if not self._thread.is_alive():
            raise SignalError("http_callback: the thread of the wire has died", hint="see the log; restart the line")

    # All below runs in the thread of the wire.

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._is_over():
            self._wake.clear()
            batch = self._store.take(1)
            if not batch:
                if self._closing.is_set():
                    break
                self._wake.wait()
            elif self._sent(batch[0]):
                pause_s = FIRST_PAUSE_S
            else:
                self._store.put_back()
                self._store.mark_historical()
                self._closing.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._poster.close()

    def _is_over(self) -> bool:
        return self._closing.is_set() and (self._failing or time.monotonic() >= self._end_s)

    def _sent(self, handed: Handed) -> bool:
        """Says whether it is done with."""
        message = handed.message
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"{message.session}-{message.seq}"}
        try:
            status = self._poster.post(handed.payload, headers)
        except PostError as error:
            return self._failed(str(error))
        if status in NEVER:
            self._refused += 1
            self._last_error = f"the receiver refuses {message.session}-{message.seq} (status {status})"
        elif 200 <= status < 300:
            self._posted += 1
        else:
            return self._failed(f"the receiver answers with status {status}")
        self._store.confirm(handed)
        if self._failing:
            self._store.mark_historical()  # what came while we waited
            self._failing = False
        return True

    def _failed(self, error: str) -> bool:
        self._failures += 1
        self._last_error = error
        self._failing = True
        return False


def _tls_context(settings: HttpCallbackSettings, beside: Path) -> ssl.SSLContext:
    ca = None if settings.ca_file is None else beside / settings.ca_file
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise SettingsError(f"http_callback.ca_file: {ca}: {error.strerror}", hint="name a file of PEM") from None
