"""The OpenAPI document is complete and true, and shown by a page that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from lineproof.serve.docs import page
from lineproof.serve.errors import CODES
from lineproof.serve.schemas import BundleFacts, ErrorOut, InspectionOut, LiveOut, ReadyOut, StatsOut
from serve.served import SCRATCH, engine, picture, serving

VOID = {"meta", "br", "hr", "img", "link", "input"}


@pytest.fixture(scope="module")
def server():
    with serving(engine(otherwise=SCRATCH), deadline_ms=4321) as running:
        yield running


@pytest.fixture(scope="module")
def document(server):
    return server.client.get("/openapi.json").json()


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/health/live", LiveOut),
        ("/v1/health/ready", ReadyOut),
        ("/v1/bundle", BundleFacts),
        ("/v1/stats", StatsOut),
        ("/nowhere", ErrorOut),
    ],
)
def test_answers_are_as_documented(server, path, model):
    answer = server.client.get(path)
    assert list(answer.json()) == list(model.model_validate(answer.json()).model_dump())


def test_the_inspection_is_as_documented(server, document):
    answer = server.post()
    InspectionOut.model_validate(answer.json())
    schema = document["components"]["schemas"]["InspectionOut"]
    assert list(answer.json()) == list(schema["properties"]) == schema["required"]
    detection = document["components"]["schemas"]["DetectionOut"]["properties"]
    assert list(detection) == ["class", "score", "box", "area_px", "polygon"]


def test_the_example_is_an_inspection(document):
    content = document["paths"]["/v1/inspect"]["post"]["responses"]["200"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/InspectionOut"}
    assert InspectionOut.model_validate(content["example"]).model_dump(by_alias=True, exclude_unset=True)


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1:8000", "http://127.0.0.1:8000/v1"), ("'; rm -rf /", "http://HOST:PORT/v1")]
)
def test_the_commands_on_the_page_reach_this_server(document, host, shown):
    assert f"curl --data-binary @part.jpg &#x27;{shown}/inspect" in page(document, host)


def test_every_route_documents_its_errors_in_our_shape(document):
    inspect = document["paths"]["/v1/inspect"]["post"]
    assert set(inspect["responses"]) == {"200", "400", "408", "409", "413", "415", "422", "429", "503", "504"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["description"], path
            for status, response in operation["responses"].items():
                if not status.startswith("2"):
                    schema = response["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorOut"}, (path, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert set(document["x-error-codes"]) == set(CODES)


def test_both_ways_of_uploading_are_documented(document):
    content = document["paths"]["/v1/inspect"]["post"]["requestBody"]["content"]
    assert {"image/jpeg", "image/png", "application/octet-stream", "multipart/form-data"} <= set(content)
    assert not re.search(r'"(image_)?url"', str(document))  # images are sent, never fetched


def test_the_limits_of_this_server_are_told(document):
    assert "4321 ms" in document["info"]["description"]


def test_the_token_is_documented_when_there_is_one(document):
    assert "securitySchemes" not in document["components"]
    with serving(token="x" * 16) as guarded:
        found = guarded.client.get("/openapi.json").json()
    assert found["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert found["paths"]["/v1/inspect"]["post"]["security"] == [{"token": []}]
    assert {"401", "403"} <= set(found["paths"]["/v1/bundle"]["get"]["responses"])
    assert "security" not in found["paths"]["/v1/health/live"]["get"]
    assert "Bearer $LINEPROOF_TOKEN" in page(found)


class Reader(HTMLParser):
    """Checks that tags nest, and collects links, anchors and what a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.fetched, self.tags = [], [], [], [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name == "href":
                self.links.append(value)
            elif name in {"src", "srcset", "action", "data"}:
                self.fetched.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone(server, document):
    response = server.client.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    reader = Reader()
    reader.feed(response.text)
    assert not reader.open
    assert not reader.fetched
    assert not reader.tags & {"script", "img", "link", "iframe", "object", "form"}
    assert "url(" not in response.text
    assert "@import" not in response.text
    assert len(reader.ids) == len(set(reader.ids))
    assert all(link[1:] in reader.ids for link in reader.links if link.startswith("#"))
    assert [link for link in reader.links if not link.startswith("#")] == ["/openapi.json"]
    for path in document["paths"]:
        assert path in response.text
    for code in CODES:
        assert f"<code>{code}</code>" in response.text


def test_the_browser_is_told_to_run_nothing_and_the_style_is_allowed(server):
    response = server.client.get("/docs")
    style = re.search("<style>(.*?)</style>", response.text, re.DOTALL)[1]
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{allowed}'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"


def test_words_from_elsewhere_stay_words():
    hostile = "<script>alert(1)</script>"
    document = {
        "info": {"title": hostile, "version": hostile, "description": hostile},
        "paths": {
            f"/{hostile}": {
                "get": {
                    "description": hostile,
                    "parameters": [
                        {"name": hostile, "schema": {"type": hostile, "default": hostile}, "description": hostile}
                    ],
                    "responses": {
                        "200": {"description": hostile, "content": {hostile: {"schema": {"$ref": f"#/{hostile}"}}}}
                    },
                }
            }
        },
        "components": {"schemas": {hostile: {"properties": {hostile: {"enum": [hostile]}}, "description": hostile}}},
        "x-error-codes": {hostile: {"status": 400, "meaning": hostile}},
    }
    assert "<script" not in page(document)


def test_the_picture_in_the_example_is_taken(server):
    assert server.post(picture(), part_id="4711", view="main").status_code == 200
