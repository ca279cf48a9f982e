"""`python -m colorize.export MODEL -o DIR`: a model as a graph that runs without torch, beside its weights."""
