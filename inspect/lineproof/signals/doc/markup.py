"""A page as a list of blocks, written once and rendered as Markdown and as HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Heading:
    """Of a section."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `code` and **bold** are understood."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """Numbered sentences."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under their heads; columns named in `code` are set in fixed width."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    code: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """Text as it is."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing: inside the HTML, a file beside the Markdown."""

    svg: str
    file_name: str
    caption: str


Block = Heading | Text | Points | Table | Code | Figure

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


def to_markdown(blocks: Sequence[Block]) -> str:
    """GitHub's Markdown."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def to_html(title: str, style: str, blocks: Sequence[Block]) -> str:
    """One file that needs no other."""
    body = "\n".join(_html(block) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Text(text):
            return text
        case Points(items):
            return "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))
        case Table(head, rows, code):
            fixed = [name in code for name in head]
            lines = [list(head), ["---"] * len(head)]
            lines += [
                [f"`{cell}`" if as_code and cell else cell for cell, as_code in zip(row, fixed, strict=True)]
                for row in rows
            ]
            return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        case Code(text, language):
            return f"```{language}\n{text.rstrip()}\n```"
        case Figure(_, file_name, caption):
            return f"![{caption}]({file_name})"


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{_inline(text)}</h{level}>"
        case Text(text):
            return f"<p>{_inline(text)}</p>"
        case Points(items):
            return "<ol>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ol>"
        case Table(head, rows, code):
            fixed = [name in code for name in head]
            top = "".join(f"<th>{_inline(name)}</th>" for name in head)
            lines = "".join("<tr>" + "".join(map(_cell, row, fixed)) + "</tr>" for row in rows)
            return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'
        case Code(text, _):
            return f"<pre>{escape(text.rstrip())}</pre>"
        case Figure(svg, _, caption):
            return f'<figure class="wide">{svg}<figcaption>{_inline(caption)}</figcaption></figure>'


def _cell(text: str, as_code: bool) -> str:  # noqa: FBT001 (one of two parallel columns)
    return f"<td><code>{escape(text)}</code></td>" if as_code and text else f"<td>{_inline(text)}</td>"


def _inline(text: str) -> str:
    return _INLINE.sub(
        lambda found: f"<code>{found[1]}</code>" if found[1] else f"<b>{found[2]}</b>", escape(text, quote=False)
    )
