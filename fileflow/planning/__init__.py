"""Deciding: which jobs, in which order, and why. Pure: no clock, no disk, no YAML, no processes."""
