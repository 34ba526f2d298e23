"""Just enough of a Dockerfile reader to check one, and to run its build stage without Docker."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """One instruction of one stage, continuation lines joined."""

    stage: int  # -1 before the first FROM
    word: str
    rest: str

    def arguments(self) -> list[str]:
        """The words after the instruction; a JSON list where it is one."""
        return json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)


def read(path: Path) -> list[Instruction]:
    """Every instruction of a Dockerfile."""
    lines = [
        line for line in path.read_text("utf-8").splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    whole = "\n".join(lines).replace("\\\n", " ")
    instructions: list[Instruction] = []
    stage = -1
    for line in whole.splitlines():
        word, rest = line.split(maxsplit=1)
        stage += word == "FROM"
        instructions.append(Instruction(stage, word, rest.strip()))
    return instructions


def copies(instructions: list[Instruction]) -> list[tuple[list[str], str]]:
    """Sources from the build context, and where they go."""
    plain = [item.arguments() for item in instructions if item.word == "COPY" and "--from=" not in item.rest]
    return [(words[:-1], words[-1]) for words in plain]
