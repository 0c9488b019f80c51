"""Faults that show when a network has trained: codes D3xx."""
