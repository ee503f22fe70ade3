"""The loop that asks, starts, waits and records until all that is wanted is settled."""
