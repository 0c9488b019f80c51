"""Training: the loop, its evaluation, and what lets it stop and go on."""
