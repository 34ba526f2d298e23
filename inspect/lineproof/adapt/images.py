"""The images a trainer draws from: ultralytics' dataset, filled once and silently, with defects pasted on."""

from __future__ import annotations

import random
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np
from ultralytics.data.dataset import YOLODataset

from lineproof.adapt.donors import Donors
from lineproof.adapt.isolation import cpu_threads
from lineproof.adapt.recipe import Orientation


class TrainingImages(YOLODataset):  # type: ignore[misc]  # ultralytics has no types
    """ultralytics' dataset that fills its memory without a progress bar, and pastes defects onto other images.

    `paste` is the probability for one image to get one defect more. Where mosaics are made of four images, each of
    the four is drawn for anew. The draws come from `random`, which the trainer seeds for each epoch.
    """

    def __init__(self, *args: Any, paste: float = 0.0, orientation: Orientation = "fixed", **kwargs: Any) -> None:  # noqa: ANN401 (ultralytics' arguments)
        super().__init__(*args, **kwargs)
        self.paste = paste
        self.donors = Donors.among(self.labels, self.load_image, orientation, self.imgsz) if paste > 0 else None

    def cache_images(self) -> None:
        """Read and resize every image once."""
        with ThreadPool(cpu_threads()) as pool:
            for index, loaded in enumerate(pool.imap(self.load_image, range(self.ni))):
                self.ims[index], self.im_hw0[index], self.im_hw[index] = loaded

    def update_labels_info(self, label: dict[str, Any]) -> dict[str, Any]:
        """Called with each image that was loaded, before anything else is done to it."""
        if self.donors is not None and random.random() < self.paste:  # noqa: S311 (what the trainer seeds)
            rng = np.random.default_rng(random.getrandbits(63))
            label = self.donors.paste_onto(label, rng)
        return super().update_labels_info(label)  # type: ignore[no-any-return]

    def close_mosaic(self, hyp: Any) -> None:  # noqa: ANN401 (ultralytics' settings)
        """The last epochs see images as they are: no mosaic, and nothing pasted."""
        self.paste = 0.0
        super().close_mosaic(hyp)
