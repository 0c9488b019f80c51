"""Watching somebody else's training loop: the same measurements, and the same findings."""
