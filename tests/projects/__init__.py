"""Whole projects, as people of several trades have them, run through the command line."""
