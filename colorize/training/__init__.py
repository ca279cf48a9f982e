"""Training: config → loop; the alternation itself is in `step.py`."""
