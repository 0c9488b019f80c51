"""Faults that can be named before a step is taken: codes D1xx."""
