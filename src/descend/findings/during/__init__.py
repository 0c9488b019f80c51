"""Faults that show while a network trains: codes D2xx."""
