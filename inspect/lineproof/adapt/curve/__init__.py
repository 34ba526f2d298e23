"""How many images are enough: the same training on nested subsets, and what more images would bring."""
