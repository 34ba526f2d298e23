"""Runs the Structured Text of the I/O page: turned line by line into Python, on words of the right width.

Only what that text uses: assignments, IF, FOR, functions, one function block, TON.
"""

from __future__ import annotations

import re
from types import SimpleNamespace

WIDTHS = {"WORD": 16, "DWORD": 32, "UINT": 16, "UDINT": 32, "BOOL": 1, "INT": 16}
ZERO = {"BOOL": "False", "TON": "Ton(clock)", "LP_Input": "[0] * 44", "LP_Output": "[0] * 32", "LP_PartId": "[0] * 8"}


class Ton:
    """On-delay timer of IEC 61131-3: Q once IN was true for PT without a break."""

    def __init__(self, clock):
        self._clock = clock
        self._since = None
        self.Q = False

    def __call__(self, IN, PT):  # noqa: N803
        if not IN:
            self._since = None
        elif self._since is None:
            self._since = self._clock.ms
        self.Q = bool(IN) and self._clock.ms - self._since >= PT


class Program:
    """`functions` by name, and `block(clock)` for a fresh LP_Station."""

    def __init__(self, text: str):
        text = re.sub(r"\(\*.*?\*\)", "", text, flags=re.DOTALL)
        names = {
            "SHL": lambda value, by: value << by & 0xFFFFFFFF,
            "SHR": lambda value, by: value >> by,
            "ROL": lambda word, by: (word << by | word >> 16 - by) & 0xFFFF,
            "WORD_TO_DWORD": lambda word: word,
            "DWORD_TO_WORD": lambda word: word & 0xFFFF,
            "UDINT_TO_DWORD": lambda word: word,
            "UINT_TO_WORD": lambda word: word,
            "Ton": Ton,
            "TRUE": True,
            "FALSE": False,
        }
        self.source = ""
        for name, kind, body in re.findall(
            r"^FUNCTION (\w+) : (\w+)\n(.*?)^END_FUNCTION$", text, re.MULTILINE | re.DOTALL
        ):
            self.source += _function(name, kind, body)
        (body,) = re.findall(r"^FUNCTION_BLOCK LP_Station\n(.*?)^END_FUNCTION_BLOCK$", text, re.MULTILINE | re.DOTALL)
        self.source += _block(body)
        exec(compile(self.source, "structured text", "exec"), names)
        self.functions = SimpleNamespace(**{name: names[name] for name in names if name.startswith("LP_")})


def _function(name: str, kind: str, body: str) -> str:
    variables, statements = _split(body)
    inputs = re.findall(r"VAR_INPUT\n(.*?)END_VAR", body, re.DOTALL)[0]
    arguments = re.findall(r"(\w+) :", inputs)
    widths = {**variables, name: kind}
    code = _statements(statements, widths, prefix="")
    return f"def {name}({', '.join(arguments)}):\n" + _indent(code) + f"    return {name}\n"


def _block(body: str) -> str:
    variables, statements = _split(body)
    start = "".join(f"self.{name} = {ZERO.get(kind, '0')}\n" for name, kind in variables.items())
    code = _statements(statements, variables, prefix="self.")
    return (
        "class LP_Station:\n"
        + _indent("def __init__(self, clock):\n" + _indent(start))
        + _indent("def scan(self):\n" + _indent(code))
    )


def _split(body: str) -> tuple[dict[str, str], str]:
    sections = re.findall(r"^VAR\w*(?: RETAIN)?\n(.*?)^END_VAR$", body, re.MULTILINE | re.DOTALL)
    variables = dict(re.findall(r"(\w+) : (\w+);", "\n".join(sections)))
    return variables, body[body.rindex("END_VAR") + len("END_VAR") :]


def _statements(text: str, kinds: dict[str, str], prefix: str) -> str:
    joined = re.sub(r"\s+", " ", text)
    pieces = re.findall(r" ?(IF .*? THEN|ELSIF .*? THEN|ELSE|END_IF;|FOR .*? DO|END_FOR;|[^;]+?;)", joined.strip())
    assert "".join(pieces).replace(" ", "") == joined.replace(" ", ""), "a statement was not understood"
    lines, depth = [], 0
    for piece in (piece.strip() for piece in pieces):
        if piece in ("END_IF;", "END_FOR;"):
            depth -= 1
        elif piece.startswith(("ELSIF", "ELSE")):
            lines.append("    " * (depth - 1) + _line(piece, kinds, prefix))
        else:
            lines.append("    " * depth + _line(piece, kinds, prefix))
            depth += piece.startswith(("IF ", "FOR "))
    assert depth == 0
    return "\n".join(lines) + "\n"


def _line(piece: str, kinds: dict[str, str], prefix: str) -> str:
    def expression(text: str) -> str:
        text = re.sub(r"(?:D?WORD)#16#([0-9A-F]+)", r"0x\1", text)
        text = re.sub(r"T#(\d+)MS", r"\1", text)
        text = text.replace("<>", "!=")
        text = re.sub(r"(?<![:<>!=])=(?!=)", "==", text)
        bits = not re.search(r"==|!=", text) and re.search(r"0x|Crc|Command|SHL", text)
        text = re.sub(r"\bXOR\b", "^", text)
        text = re.sub(r"(\b(?:Crc|Command|Seq|(?:Block|Input)\[\d+\])) AND (0x\w+)", r"(\1 & \2)", text)
        text = re.sub(
            r"NOT (Crc|Block\[\d+\])", lambda f: f"({f[1]} ^ {'0xFFFFFFFF' if f[1] == 'Crc' else '0xFFFF'})", text
        )
        if bits:
            text = re.sub(r"\bOR\b", "|", text)
        text = re.sub(r"\bAND\b", "and", re.sub(r"\bOR\b", "or", re.sub(r"\bNOT\b", "not", text)))
        return re.sub(r"(?<![\w.])([A-Z]\w*)\b(?!\w*\()", lambda f: prefix + f[1] if f[1] in kinds else f[1], text)

    if found := re.fullmatch(r"(IF|ELSIF) (.*) THEN", piece):
        return f"{'if' if found[1] == 'IF' else 'elif'} {expression(found[2])}:"
    if piece == "ELSE":
        return "else:"
    if found := re.fullmatch(r"FOR (\w+) := (\d+) TO (\d+) DO", piece):
        return f"for {prefix}{found[1]} in range({found[2]}, {found[3]} + 1):"
    if found := re.fullmatch(r"(\w+)\(IN := (.*), PT := (.*)\);", piece):
        return f"{prefix}{found[1]}(IN={expression(found[2])}, PT={expression(found[3])})"
    found = re.fullmatch(r"([\w\[\] +]+) := (.*);", piece)
    assert found, piece
    target, value = found[1], expression(found[2])
    kind = kinds.get(target, "WORD")
    masked = value if kind in ("BOOL", "INT") else f"({value}) & 0x{(1 << WIDTHS[kind]) - 1:X}"
    return f"{expression(target)} = {masked}"


def _indent(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
