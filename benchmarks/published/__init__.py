"""Published rules for faults of training, stated anew: what each looks at, and when it speaks."""
