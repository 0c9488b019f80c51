"""Runs: the folder that a training leaves, written whole or not at all, and read back."""
