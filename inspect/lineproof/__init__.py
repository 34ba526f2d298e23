"""lineproof: adapt a pretrained detector to your defects, prove what it misses, run it on the line."""

import os

# Decompression bombs are refused by OpenCV itself, before memory is taken; it reads this once, when cv2 is imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "50000000")

__version__ = "0.1.0"
