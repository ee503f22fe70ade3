"""fileflow: a file-based workflow engine."""

__version__ = "0.1.0"
