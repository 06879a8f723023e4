"""alcore: active learning on images with a human oracle, in a browser."""

__version__ = "0.1.0"
