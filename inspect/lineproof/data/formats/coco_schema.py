"""The COCO annotation file as data: read strictly where we depend on it, tolerant of the extra keys tools add."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lineproof.core import BoxMask
from lineproof.data.formats.polygons import Polygon, polygons_to_mask
from lineproof.data.formats.rle import counts_to_mask, string_to_counts
from lineproof.errors import DatasetError


class _Record(BaseModel):
    """A record of a COCO file; tools add keys of their own, which are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)


class CocoCategory(_Record):
    """A class of defects."""

    id: int | str = Field(description="identifier; gaps and any order are allowed")
    name: str = Field(description="name of the class", min_length=1)
    supercategory: str | None = Field(default=None, description="heading above the class")


class CocoImage(_Record):
    """An image of the file."""

    id: int | str = Field(description="identifier")
    file_name: str = Field(description="path relative to the images folder", min_length=1)
    width: int | None = Field(default=None, ge=1, description="pixels")
    height: int | None = Field(default=None, ge=1, description="pixels")


class CocoRuns(_Record):
    """A mask as run lengths, column by column."""

    size: tuple[int, int] = Field(description="height and width of the image in pixels")
    counts: list[int] | str = Field(description="run lengths, or their compressed text")


class CocoAnnotation(_Record):
    """One instance on one image."""

    id: int | str | None = Field(default=None, description="identifier; not used")
    image_id: int | str = Field(description="the image it lies on")
    category_id: int | str = Field(description="its class")
    bbox: tuple[float, float, float, float] | None = Field(default=None, description="x, y, width, height in pixels")
    segmentation: list[list[float]] | CocoRuns | None = Field(default=None, description="polygons, run lengths or none")
    iscrowd: int = Field(default=0, description="1 marks a group of instances drawn as one")


class CocoFile(_Record):
    """The whole file."""

    images: list[CocoImage] = Field(description="every annotated image, also those without an instance")
    annotations: list[CocoAnnotation] = Field(description="every instance; empty when all parts are good")
    categories: list[CocoCategory] = Field(default_factory=list, description="the classes")


def read_coco(path: Path) -> CocoFile:
    """Read one file; raises DatasetError naming the file and the record that cannot be used."""
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
    except json.JSONDecodeError as error:
        raise DatasetError(
            f"{path}, line {error.lineno}: not valid JSON ({error.msg})", hint="export it again"
        ) from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(f"{path}: not valid JSON ({type(error).__name__})", hint="export it again") from None
    if not isinstance(data, dict) or "images" not in data:
        raise DatasetError(f"{path}: not a COCO file, it has no `images` list")
    try:
        return CocoFile.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DatasetError(f"{path}, {_place(first['loc'])}: {first['msg']}") from None


def segment_mask(record: CocoAnnotation, image_wh: tuple[int, int]) -> BoxMask | None:
    """The mask of one record, None where it has a box only; raises ValueError for run lengths of another image size."""
    segmentation = record.segmentation
    if isinstance(segmentation, list):
        polygons = record_polygons(segmentation)
        return polygons_to_mask(polygons, image_wh) if polygons else None
    if segmentation is None:
        return None
    if tuple(segmentation.size) != image_wh[::-1]:
        height, width = segmentation.size
        raise ValueError(f"a mask of {width}×{height} on an image of {image_wh[0]}×{image_wh[1]}")
    counts = segmentation.counts
    return counts_to_mask(string_to_counts(counts) if isinstance(counts, str) else counts, image_wh)


def record_polygons(segmentation: list[list[float]]) -> list[Polygon]:
    """Flat lists `x1, y1, x2, y2, …` as polygons `(k, 2)`; raises ValueError for an odd or too short list."""
    drawn = [flat for flat in segmentation if flat]
    for flat in drawn:
        if len(flat) < 6 or len(flat) % 2:
            raise ValueError(f"a polygon of {len(flat)} numbers: expected an even count, 6 or more")
    return [np.array(flat, np.float64).reshape(-1, 2) for flat in drawn]


def _place(location: tuple[int | str, ...]) -> str:
    """Where in the file: `annotations[17].bbox`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".") or "file"
