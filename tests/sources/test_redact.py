from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.sources.redact import redact
from lineproof.sources.settings import StreamSettings

WORD = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789%-_.", min_size=4, max_size=12).map(lambda text: f"ZZ{text}ZZ")


@settings(max_examples=50)
@given(user=WORD, password=WORD, token=WORD)
def test_no_secret_survives(user, password, token):
    shown = redact(f"rtsp://{user}:{password}@10.0.0.5:554/live?channel=2&password={password}&Token={token}")
    assert not any(secret in shown for secret in (user, password, token))
    assert shown == "rtsp://***@10.0.0.5:554/live?channel=2&password=***&Token=***"


@pytest.mark.parametrize("url", ["rtsp://10.0.0.5/live", "http://cam.local:8080/video?channel=2"])
def test_a_url_without_secrets_stays(url):
    assert redact(url) == url


def test_settings_do_not_show_their_url():
    settings = StreamSettings(kind="stream", url="rtsp://joe:s3cret@cam/live")
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings)
