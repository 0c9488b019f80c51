"""Diagnosis: the record of a training, the findings in it, and the proof of their remedies."""
