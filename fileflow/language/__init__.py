"""The language: YAML with places, patterns, relations, templates, and the loader that ties them."""
