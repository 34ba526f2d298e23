"""`/docs`: the OpenAPI document as one page of plain HTML – no script, no font, no request to anywhere else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response

from lineproof.serve.pixels import EXAMPLE_TYPE

Node = Mapping[str, Any]

_STYLE = files("lineproof.serve").joinpath("docs.css").read_text("utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# The browser is told to run nothing and to fetch nothing, whatever a class name or a description may hold.
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,100}")  # what may stand in a command that people paste
_METHODS = ("get", "post", "put", "patch", "delete")


def docs_page(app: FastAPI) -> None:
    """Add `/docs` to an app."""

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        """What programmers read."""
        text = page(app.openapi(), request.headers.get("host", ""))
        return Response(text, media_type="text/html", headers={"Content-Security-Policy": _POLICY})


def page(document: Node, host: str = "") -> str:
    """The whole page; `host` is how its reader reached this server."""
    operations = list(_operations(document))
    menu = "".join(f'<a href="#{_anchor(m, p)}"><b class="{m}">{m}</b> {escape(p)}</a>' for m, p, _ in operations)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(document['info']['title'])} HTTP API</title><style>{_STYLE}</style></head><body>",
            f'<nav><h1>{escape(document["info"]["title"])}</h1><p class="dim">{escape(document["info"]["version"])}</p>',
            f'{menu}<a href="#errors">Errors</a><a href="#types">Types</a><a href="/openapi.json">openapi.json</a></nav>',
            f"<main>{_prose(document['info'].get('description', ''))}{_try_it(document, host)}",
            *(_operation(method, path, operation) for method, path, operation in operations),
            _errors(document),
            _types(document),
            "</main></body></html>",
        ]
    )


def _operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield method, path, methods[method]


def _anchor(method: str, path: str) -> str:
    return method + re.sub(r"[^a-z0-9]+", "-", path.lower())


def _prose(text: str) -> str:
    """Paragraphs with `code`; everything else is shown as it is."""
    paragraphs = [escape(" ".join(part.split())) for part in text.split("\n\n") if part.strip()]
    return "".join("<p>" + re.sub(r"`([^`]+)`", r"<code>\1</code>", part) + "</p>" for part in paragraphs)


def _inline(text: str) -> str:
    return _prose(text).removeprefix("<p>").removesuffix("</p>")


def _try_it(document: Node, host: str) -> str:
    """The three ways to send a picture, ready to paste."""
    token = (
        ' -H "Authorization: Bearer $LINEPROOF_TOKEN"' if "securitySchemes" in document.get("components", {}) else ""
    )
    place = host if _HOST.fullmatch(host) else "HOST:PORT"
    address = f"'http://{place}/v1/inspect?part_id=4711&view=main'"
    return _pre(
        f"curl{token} --data-binary @part.jpg {address}\n"
        f"curl{token} -F image=@part.jpg {address}\n"
        f"curl{token} -H 'Content-Type: {EXAMPLE_TYPE}' --data-binary @pixels.raw {address}"
    )


def _pre(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def _operation(method: str, path: str, operation: Node) -> str:
    title = f'<h2><b class="{method}">{method}</b> {escape(path)}</h2>'
    text = _prose(operation.get("description", operation.get("summary", "")))
    lock = "" if operation.get("security") is None else '<p class="dim">Needs the access token.</p>'
    return (
        f'<section id="{_anchor(method, path)}">{title}{text}{lock}{_parameters(operation)}{_body(operation)}'
        f"{_responses(operation)}</section>"
    )


def _parameters(operation: Node) -> str:
    rows = [
        (
            f"<code>{escape(item['name'])}</code>",
            " or ".join(_kind(kind) for kind in _options(item["schema"]) if kind.get("type") != "null"),
            _inline(item.get("description", "")) + _default(item["schema"]),
        )
        for item in operation.get("parameters", [])
    ]
    return _table("Query", ("name", "type", ""), rows)


def _options(schema: Node) -> Sequence[Node]:
    options: Sequence[Node] = schema.get("anyOf", [schema])
    return options


def _default(schema: Node) -> str:
    return f"; default: <code>{escape(str(schema['default']))}</code>" if "default" in schema else ""


def _body(operation: Node) -> str:
    body = operation.get("requestBody")
    if body is None:
        return ""
    rows = [
        (f"<code>{escape(kind)}</code>", _kind(content.get("schema", {}))) for kind, content in body["content"].items()
    ]
    return _table("Body", ("content type", ""), rows) + _prose(body.get("description", ""))


def _responses(operation: Node) -> str:
    rows = []
    for status, response in sorted(operation["responses"].items()):
        content = response.get("content", {})
        kinds = " ".join(_kind(entry.get("schema", {})) for entry in content.values())
        rows.append((f'<b class="s{status[0]}">{escape(status)}</b>', kinds, _inline(response.get("description", ""))))
    examples = [
        f"<h4>Example</h4>{_pre(_json(entry['example']))}"
        for response in operation["responses"].values()
        for entry in response.get("content", {}).values()
        if "example" in entry
    ]
    return _table("Answers", ("status", "body", ""), rows) + "".join(examples)


def _json(value: object) -> str:
    """Indented, but a list of numbers stays on its line."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return re.sub(
        r"\[[\s\d.,-]+\]", lambda found: " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]"), text
    )


def _errors(document: Node) -> str:
    rows = [
        (
            f'<b class="s{str(entry["status"])[0]}">{entry["status"]}</b>',
            f"<code>{escape(code)}</code>",
            _inline(entry["meaning"]),
        )
        for code, entry in document.get("x-error-codes", {}).items()
    ]
    return f'<section id="errors"><h2>Errors</h2>{_table("", ("status", "code", ""), rows)}</section>'


def _types(document: Node) -> str:
    schemas = document.get("components", {}).get("schemas", {})
    return '<section id="types"><h2>Types</h2>' + "".join(_type(name, schemas[name]) for name in schemas) + "</section>"


def _type(name: str, schema: Node) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(field)}</code>" + ("" if field in required else ' <span class="dim">optional</span>'),
            _kind(about),
            _inline(about.get("description", "")),
        )
        for field, about in schema.get("properties", {}).items()
    ]
    return f'<h3 id="{escape(name)}">{escape(name)}</h3>{_prose(schema.get("description", ""))}{_table("", ("field", "type", ""), rows)}'


def _kind(schema: Node) -> str:
    """A schema in a few words; types of ours are links."""
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)
    return _container(schema) or _scalar(schema)


def _container(schema: Node) -> str:
    if "prefixItems" in schema:
        return "[" + ", ".join(_kind(item) for item in schema["prefixItems"]) + "]"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map of name to {_kind(schema['additionalProperties'])}"
    fields = schema.get("properties", {})
    return ", ".join(f"<code>{escape(name)}</code>: {_kind(about)}" for name, about in fields.items())


def _scalar(schema: Node) -> str:
    pattern = f" <code>{escape(schema['pattern'])}</code>" if "pattern" in schema else ""
    words = "bytes" if schema.get("format") == "binary" else str(schema.get("type", "anything"))
    return escape(words) + pattern


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of ready HTML cells; nothing at all without rows."""
    if not rows:
        return ""
    caption = f"<h4>{escape(title)}</h4>" if title else ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"{caption}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
