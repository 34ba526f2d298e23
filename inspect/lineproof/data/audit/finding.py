"""What the audit can find, how bad each of it is, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"  # poisons training or its figures: the answer of the check is no
    WARNING = "warning"  # a person should know
    INFO = "info"


class Code(StrEnum):
    """Everything the audit looks for, in the order in which it is told."""

    UNREADABLE = "unreadable"
    SIXTEEN_BIT = "sixteen-bit"
    CHANNELS = "channels"
    EXIF = "exif-rotation"
    MONO = "mono"
    NO_ENTRY = "no-entry"
    NO_FILE = "no-file"
    LISTED_TWICE = "listed-twice"
    NOT_IN_SETTINGS = "not-in-settings"
    CLASS_LIST = "class-list"
    MALFORMED = "malformed-record"
    ORPHAN = "orphan-record"
    UNKNOWN_CLASS = "unknown-class"
    SIZE = "size-differs"
    DEGENERATE = "degenerate-box"
    OUTSIDE = "box-outside"
    EMPTY_MASK = "empty-mask"
    TWICE = "duplicate-box"
    UNLABELLED = "unlabelled"
    COPY = "copy"
    COPY_DIFFERS = "copy-differs"
    CROSSING = "twin-crosses-split"
    GROUP_CROSSING = "group-crosses-split"
    TWINS_DISAGREE = "twins-disagree"
    TWINS = "twins"
    SCENE = "common-scene"
    FEW = "few-instances"
    NO_OK = "no-good-part"


@dataclass(frozen=True, slots=True)
class Kind:
    """Severity, a title, and the remedy."""

    severity: Severity
    title: str
    remedy: str = ""


_FIX = "`--fix --out DIR` "
KINDS: dict[Code, Kind] = {
    Code.UNREADABLE: Kind(Severity.ERROR, "unreadable or truncated image", f"copy it again; {_FIX}leaves it out"),
    Code.SIXTEEN_BIT: Kind(Severity.ERROR, "image of more than 8 bits", "convert with one fixed scale for all images"),
    Code.CHANNELS: Kind(
        Severity.ERROR, "image with alpha or four channels", f"{_FIX}drops an alpha that hides nothing"
    ),
    Code.EXIF: Kind(Severity.WARNING, "image turned by EXIF only", f"{_FIX}turns the pixels"),
    Code.MONO: Kind(Severity.INFO, "mono image", "taken as three equal channels"),
    Code.NO_ENTRY: Kind(Severity.ERROR, "image without annotation", "a good part needs an entry, too: import again"),
    Code.NO_FILE: Kind(Severity.ERROR, "annotated image that is not there", f"copy it, or {_FIX}drops the entry"),
    Code.LISTED_TWICE: Kind(Severity.ERROR, "image listed twice", f"{_FIX}joins both entries"),
    Code.NOT_IN_SETTINGS: Kind(Severity.ERROR, "image that only one of the two files lists", "import again"),
    Code.CLASS_LIST: Kind(Severity.ERROR, "contradiction between the class lists", f"{_FIX}goes by the names"),
    Code.MALFORMED: Kind(Severity.ERROR, "record that cannot be read", f"{_FIX}drops it"),
    Code.ORPHAN: Kind(Severity.ERROR, "record of no image", f"{_FIX}drops it"),
    Code.UNKNOWN_CLASS: Kind(Severity.ERROR, "record of an unknown class", f"{_FIX}drops it"),
    Code.SIZE: Kind(Severity.ERROR, "recorded size that is not the image's", f"{_FIX}fits the boxes to the pixels"),
    Code.DEGENERATE: Kind(Severity.ERROR, "degenerate box", f"{_FIX}drops it"),
    Code.OUTSIDE: Kind(Severity.ERROR, "box outside the image", f"{_FIX}clips it"),
    Code.EMPTY_MASK: Kind(Severity.ERROR, "mask without a pixel", f"{_FIX}drops it"),
    Code.TWICE: Kind(Severity.WARNING, "box listed twice", f"{_FIX}drops one"),
    Code.UNLABELLED: Kind(Severity.ERROR, "image among defects that has none", f"annotate it; {_FIX}leaves it out"),
    Code.COPY: Kind(Severity.WARNING, "image stored twice", f"{_FIX}keeps one"),
    Code.COPY_DIFFERS: Kind(Severity.ERROR, "identical images annotated differently", f"{_FIX}keeps the first"),
    Code.CROSSING: Kind(
        Severity.ERROR,
        "held-out image with a twin in train",
        f"`lineproof data split` keeps parts together; {_FIX}moves twins",
    ),
    Code.GROUP_CROSSING: Kind(Severity.ERROR, "group on both sides of a split", f"{_FIX}moves it to one side"),
    Code.TWINS_DISAGREE: Kind(Severity.WARNING, "image annotated as good, its twin as defective", "look at both"),
    Code.TWINS: Kind(Severity.WARNING, "part shown several times", "`lineproof data split` keeps its images together"),
    Code.SCENE: Kind(Severity.INFO, "scene that all its images share", "say which images show one part: --group"),
    Code.FEW: Kind(Severity.WARNING, "class with few instances", "annotate more of it"),
    Code.NO_OK: Kind(Severity.WARNING, "dataset without good parts", "add some: overkill cannot be measured"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, where."""

    code: Code
    text: str
    image: str = ""
    record: str = ""  # e.g. "annotations[17]"
    others: tuple[str, ...] = ()  # further images it is about

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return KINDS[self.code].severity

    def __str__(self) -> str:
        """Where and what, on one line."""
        where = ", ".join(part for part in (self.image, self.record) if part)
        return f"{where}: {self.text}" if where else self.text
