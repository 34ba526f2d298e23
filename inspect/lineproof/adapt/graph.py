"""The network as the line runs it: camera bytes in, one straight graph, nothing computed that nobody needs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from ultralytics.nn.modules.block import C2f
from ultralytics.nn.modules.head import Detect, Segment
from ultralytics.nn.tasks import BaseModel

# Rows leave the graph surest first. More would not fit TensorRT's TopK (3840); a part with more boxes than this above
# its threshold is an error in the engine, not a loss.
MAX_ROWS = 2048


class MapsGraph(nn.Module):
    """From uint8 `(N, H, W, C)` to the head's maps, box sides still as distributions over cells.

    Three things are folded away. Colour order and /255 live in the first convolution's weights (its zero padding is
    zero either way), and a mono model's three input planes are one. Each C2f block's first convolution is cut in two:
    its halves then stay in the runtime's blocked memory layout, where a split would reorder them twice (3 % of a run).
    Boxes are decoded by the engine, for the few cells that pass its floor (5 %).
    """

    def __init__(self, model: BaseModel, *, channels: int) -> None:
        """Take a fused float copy, which is changed in place."""
        super().__init__()
        *body, head = model.model
        self.body = nn.ModuleList(_HalvedC2f(layer) if _is_plain_c2f(layer) else layer for layer in body)
        self.routes: list[int | list[int]] = [layer.f for layer in body]
        self.head: Detect = head
        first = body[0].conv
        weight = first.weight[:, [2, 1, 0]] / 255
        first.weight = nn.Parameter(weight.sum(1, keepdim=True) if channels == 1 else weight, requires_grad=False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Per level sides, logits and (segment) coefficients; at last (segment) the prototypes."""
        features = self.features(image)
        maps: list[Tensor] = []
        for level in self.levels(features):
            maps += level
        if isinstance(self.head, Segment):
            maps.append(self.head.proto(features[0]))
        return tuple(maps)

    def features(self, image: Tensor) -> list[Tensor]:
        """The head's inputs; each layer takes the last result or earlier ones, as its route says."""
        x = image.permute(0, 3, 1, 2).float()  # bytes are turned, not floats: a quarter of the memory
        results: list[Tensor] = []
        for layer, sources in zip(self.body, self.routes, strict=True):
            x = layer(_sources(sources, x, results))
            results.append(x)
        return list(_sources(self.head.f, x, results))

    def levels(self, features: list[Tensor]) -> list[tuple[Tensor, ...]]:
        """The head's convolutions on each level."""
        branches = [self.head.cv2, self.head.cv3]
        if isinstance(self.head, Segment):
            branches.append(self.head.cv4)
        return [tuple(branch[index](x) for branch in branches) for index, x in enumerate(features)]


class RowsGraph(nn.Module):
    """The same with the surest cells chosen and decoded in the graph, for hardware that is far from the host.

    `boxes (N, K, 4)` xyxy in input pixels, `scores (N, K, classes)`, for segmentation `coefficients (N, K, m)` and
    `prototypes (N, m, H/4, W/4)`.
    """

    bins: Tensor  # (bins, 1) 0, 1, 2, …
    centres: Tensor  # (A, 2) cell centres, in cells
    scales: Tensor  # (A, 1) input pixels per cell

    def __init__(self, maps: MapsGraph, input_wh: tuple[int, int]) -> None:
        """`input_wh` is fixed: the cells are constants of the graph."""
        super().__init__()
        self.maps = maps
        width, height = input_wh
        strides = strides_of(maps.head)
        grids = [_grid(width // stride, height // stride) for stride in strides]
        scales = [torch.full((len(grid), 1), float(s)) for grid, s in zip(grids, strides, strict=True)]
        self.register_buffer("bins", torch.arange(maps.head.reg_max, dtype=torch.float32).reshape(-1, 1))
        self.register_buffer("centres", torch.cat(grids))
        self.register_buffer("scales", torch.cat(scales))
        self.rows = min(MAX_ROWS, len(self.centres))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Boxes, scores and, for segmentation, coefficients and prototypes."""
        features = self.maps.features(image)
        kinds = zip(*self.maps.levels(features), strict=True)
        sides, logits, *more = (torch.cat([level.flatten(2) for level in kind], 2) for kind in kinds)
        chosen = logits.amax(1).topk(self.rows, 1).indices
        outputs = [self._boxes(_columns(sides, chosen), chosen), _columns(logits, chosen).sigmoid().transpose(1, 2)]
        outputs += [_columns(coefficients, chosen).transpose(1, 2) for coefficients in more]
        if isinstance(self.maps.head, Segment):
            outputs.append(self.maps.head.proto(features[0]))
        return tuple(outputs)

    def _boxes(self, sides: Tensor, chosen: Tensor) -> Tensor:
        """`(N, K, 4)` from `(N, 4 × bins, K)` logits of the distances to left, top, right, bottom."""
        logits = sides.reshape(-1, 4, len(self.bins), self.rows).permute(0, 3, 1, 2)
        distance = (logits.softmax(-1) @ self.bins).squeeze(-1)
        # chunk, not [..., 2:]: an open end is INT64_MAX in the graph, which TensorRT clamps
        left_top, right_bottom = distance.chunk(2, -1)
        centres, scales = self.centres[chosen], self.scales[chosen]
        return torch.cat([centres - left_top, centres + right_bottom], 2) * scales


class _HalvedC2f(nn.Module):
    """A C2f block whose first convolution is cut into the two halves that it is split into anyway."""

    def __init__(self, block: C2f) -> None:
        super().__init__()
        self.m, self.cv2, self.act = block.m, block.cv2, block.cv1.act
        self.half_a, self.half_b = (_half(block.cv1.conv, rows) for rows in (slice(block.c), slice(block.c, None)))

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.act(self.half_a(x)), self.act(self.half_b(x))]
        for step in self.m:
            parts.append(step(parts[-1]))
        output: Tensor = self.cv2(torch.cat(parts, 1))
        return output


def strides_of(head: Detect) -> tuple[int, ...]:
    """Input pixels per cell, level by level."""
    return tuple(int(stride) for stride in head.stride.tolist())


def _is_plain_c2f(layer: nn.Module) -> bool:
    return isinstance(layer, C2f) and type(layer).forward is C2f.forward


def _half(conv: nn.Conv2d, rows: slice) -> nn.Conv2d:
    weight = conv.weight[rows]
    assert conv.bias is not None  # a fused one
    half = nn.Conv2d(conv.in_channels, len(weight), 1)
    half.weight = nn.Parameter(weight.clone(), requires_grad=False)
    half.bias = nn.Parameter(conv.bias[rows].clone(), requires_grad=False)
    return half


def _sources(which: int | list[int], last: Tensor, results: list[Tensor]) -> Tensor | list[Tensor]:
    """The inputs a layer asks for: `-1` is the last result."""
    if isinstance(which, int):
        return last if which == -1 else results[which]
    return [last if index == -1 else results[index] for index in which]


def _columns(maps: Tensor, chosen: Tensor) -> Tensor:
    """`(N, C, K)` from `(N, C, A)`: the chosen cells of each image."""
    return maps.gather(2, chosen[:, None, :].expand(-1, maps.shape[1], -1))


def _grid(width: int, height: int) -> Tensor:
    """Centres `(h × w, 2)` of the cells of a map, in cells, row by row."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)
