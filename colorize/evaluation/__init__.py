"""Measuring what a model does to photos it never saw."""
