"""Preflight: a short, cheap set of checks for any recipe or module, before it is trained."""
