"""Measuring what a model does to photos it never saw."""

SHIPPED = "shipped"  # stands for the model that comes with the program where a model file is named
