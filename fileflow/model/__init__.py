"""The nouns: frozen values that act on nothing and know nothing of disk, clock or processes."""
