"""The images that a network is trained and judged on: where they come from and what is checked of them."""

from .image_set import ImageSet
from .npz import EvaluationImages, load_npz_images
from .sources import load_images

__all__ = ["EvaluationImages", "ImageSet", "load_images", "load_npz_images"]
