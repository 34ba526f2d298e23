"""The images a trainer draws from: ultralytics' dataset, filled once and silently."""

from __future__ import annotations

from multiprocessing.pool import ThreadPool

from ultralytics.data.dataset import YOLODataset

from lineproof.adapt.isolation import cpu_threads


class TrainingImages(YOLODataset):  # type: ignore[misc]  # ultralytics has no types
    """ultralytics' dataset that fills its memory without a progress bar."""

    def cache_images(self) -> None:
        """Read and resize every image once."""
        with ThreadPool(cpu_threads()) as pool:
            for index, loaded in enumerate(pool.imap(self.load_image, range(self.ni))):
                self.ims[index], self.im_hw0[index], self.im_hw[index] = loaded
