"""Findings: one fault, one file, one page; each a pure function of what was recorded."""
