"""The trained network through ultralytics' own pre- and post-processing: shares no arithmetic with the engine."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from ultralytics.data.augment import LetterBox
from ultralytics.nn.tasks import BaseModel
from ultralytics.utils.metrics import box_iou
from ultralytics.utils.nms import non_max_suppression
from ultralytics.utils.ops import process_mask_native, scale_boxes, xywh2xyxy

from lineproof.core import BoxMask, Detections, Image
from lineproof.core.tile_merge import merge_tiles
from lineproof.engine.nms import BLOCK
from lineproof.engine.spec import EngineSpec

# The two sides round differently (one offsets boxes by class in float32): a pair whose overlap is this near to the
# suppression limit may be kept as two by one side and as one by the other.
_TIE_IOU = 0.005


class TrainedModel:
    """What the engine is compared with; runs on the CPU in float32, on a copy of the network."""

    def __init__(self, model: BaseModel, spec: EngineSpec) -> None:
        self.spec = spec
        self._model = copy.deepcopy(model).cpu().float().eval()
        width, height = spec.input_wh
        self._letterbox = LetterBox((height, width), auto=spec.dynamic, stride=32, padding_value=spec.pad_value)

    def ways(self, image: Image) -> tuple[Detections, Detections]:
        """The same of a whole image, were the limit of suppression a hair lower, and a hair higher: what differs is a tie."""
        low, high = (self._detect_whole(image, self.spec.nms_iou + step) for step in (-_TIE_IOU, _TIE_IOU))
        return low, high

    def detect(self, image: Image) -> Detections:
        """Detections of an `(H, W, 3)` uint8 BGR image in its own pixels, put together from tiles where it has them."""
        tiling = self.spec.tiles
        if tiling is None:
            return self._detect_whole(image, self.spec.nms_iou)
        tiles = tiling.grid((image.shape[1], image.shape[0]))
        found = [tile.to_frame(self._detect_whole(tile.cut(image), self.spec.nms_iou)) for tile in tiles]
        return merge_tiles(found, tiles, tiling, self.spec.nms_iou)[: self.spec.max_detections]

    def _detect_whole(self, image: Image, nms_iou: float) -> Detections:
        input_rgb = np.ascontiguousarray(self._letterbox(image=image)[..., ::-1].transpose(2, 0, 1))
        batch = torch.from_numpy(input_rgb)[None].float() / 255
        with torch.inference_mode():
            output = self._model(batch)[0]
            prediction, prototypes = output if self.spec.task == "segment" else (output, None)
            found = self._suppressed(prediction, nms_iou)
            input_hw, frame_hw = batch.shape[2:], image.shape[:2]
            xyxy = scale_boxes(input_hw, found[:, :4].clone(), frame_hw)
            masks = None if prototypes is None else _masks(prototypes[0], found[:, 6:], xyxy, frame_hw)
        return Detections(xyxy.numpy(), found[:, 4].numpy(), found[:, 5].numpy().astype(np.int32), masks)

    def _suppressed(self, prediction: Tensor, nms_iou: float) -> Tensor:
        found: Tensor = non_max_suppression(
            prediction,
            conf_thres=self.spec.score_floor,
            iou_thres=nms_iou,
            multi_label=True,
            max_det=self.spec.max_detections,
            nc=len(self.spec.classes),
        )[0]
        return self._averaged(prediction[0], found) if self.spec.averaged else found

    def _averaged(self, prediction: Tensor, found: Tensor) -> Tensor:
        """Boxes at the mean of all that overlap them, weighted by score and root of the overlap beyond the suppression's."""
        scores = prediction[4 : 4 + len(self.spec.classes)]
        flat = torch.where(scores > self.spec.score_floor, scores, 0).flatten()
        strongest = flat.topk(min(BLOCK, len(flat)))
        kinds, anchors = strongest.indices // scores.shape[1], strongest.indices % scores.shape[1]
        boxes = xywh2xyxy(prediction[:4].T)[anchors]
        for row in found:
            votes = (
                (box_iou(row[None, :4], boxes)[0] - self.spec.nms_iou).clamp(min=0).sqrt()
                * strongest.values
                * (kinds == row[5])
            )
            if votes.sum() > 0:
                row[:4] = (votes[:, None] * boxes).sum(0) / votes.sum()
        return found


def _masks(prototypes: Tensor, coefficients: Tensor, xyxy: Tensor, frame_hw: tuple[int, int]) -> tuple[BoxMask, ...]:
    """Frame-sized masks, each cropped to what is set; one without any pixel is its whole box, as in the engine."""
    # ultralytics crops by pixel corners, the engine by pixel centres: half a pixel moves the one to the other.
    full: NDArray[np.uint8] = process_mask_native(prototypes, coefficients, xyxy - 0.5, frame_hw).numpy()
    masks = []
    for bitmap, box in zip(full, xyxy.tolist(), strict=True):
        mask = BoxMask.from_full(bitmap)
        masks.append(mask if mask.area_px else _filled(box, frame_hw))
    return tuple(masks)


def _filled(box: list[float], frame_hw: tuple[int, int]) -> BoxMask:
    x0, y0 = min(int(box[0]), frame_hw[1] - 1), min(int(box[1]), frame_hw[0] - 1)
    x1, y1 = max(round(box[2]), x0 + 1), max(round(box[3]), y0 + 1)
    return BoxMask(x0, y0, np.ones((y1 - y0, x1 - x0), np.bool_))
