"""From a model or a run to numbers: frozen values, never a drawing. Import the files, not this package."""
