"""Photographs in colour from photographs in grey."""
