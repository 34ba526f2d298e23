from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from lineproof.errors import SettingsError
from lineproof.settings import StrictModel, parse_settings
from lineproof.sources.settings import CameraSettings, FolderSettings, SourceSettings, StreamSettings


class Holder(StrictModel):
    source: SourceSettings


def parse(**source: object) -> SourceSettings:
    return parse_settings({"source": source}, Holder, "line.yaml").source


def test_the_kind_decides():
    assert isinstance(parse(kind="folder", path="parts"), FolderSettings)
    assert isinstance(parse(kind="camera", index=0), CameraSettings)
    assert isinstance(parse(kind="stream", url="rtsp://cam/live"), StreamSettings)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"kind": "folder", "path": "x", "rate_hs": 10}, "rate_hs: unknown key, did you mean 'rate_hz'?"),
        ({"kind": "camera"}, "index"),
        ({"kind": "camera", "index": -1}, "index"),
        ({"kind": "webcam", "index": 0}, "'folder', 'video', 'camera', 'stream', 'genicam', 'basler', 'aravis'"),
        ({"kind": "stream", "url": "ftp://cam/x"}, "rtsp"),
        ({"kind": "stream", "url": "rtsp:live"}, "SCHEME://HOST"),
        ({"path": "x"}, "kind"),
    ],
)
def test_a_wrong_source_is_one_line_that_names_the_key(source, says):
    with pytest.raises(SettingsError, match=r"line\.yaml: source") as caught:
        parse(**source)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_refused_url_is_not_repeated():
    with pytest.raises(SettingsError) as caught:
        parse(kind="stream", url="ftp://joe:s3cret@cam/x")
    assert "s3cret" not in str(caught.value)


def test_relative_paths_start_at_the_line_file():
    folder = parse(kind="folder", path="parts", only="test.txt").located(Path("/plant"))
    assert (folder.path, folder.only) == (Path("/plant/parts"), Path("/plant/test.txt"))
    assert parse(kind="folder", path="/data").located(Path("/plant")).path == Path("/data")
    assert parse(kind="video", path="a.avi").located(Path("/plant")).path == Path("/plant/a.avi")
    camera = parse(kind="camera", index=0)
    assert camera.located(Path("/plant")) == camera


def test_only_a_replay_without_a_rate_waits_for_the_line():
    assert parse(kind="folder", path="x").on_demand
    assert not parse(kind="folder", path="x", rate_hz=10).on_demand
    assert not parse(kind="camera", index=0).on_demand


def test_every_field_is_described():
    for model in TypeAdapter(SourceSettings).json_schema()["$defs"].values():
        assert all(field.get("description") for field in model["properties"].values())
