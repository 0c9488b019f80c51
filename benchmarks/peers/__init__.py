"""The programs that are measured: descend, and what a person would otherwise run."""
