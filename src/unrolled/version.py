"""The package's version: read by the build, by every run's record and by ``unrolled --version``."""

__version__ = "0.1.0"
