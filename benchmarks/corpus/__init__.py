"""Training cases with known faults: read, told as recipes, diagnosed, and scored."""
