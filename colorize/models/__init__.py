"""Encoders, generators, discriminators and their files. What a file says of itself is read without torch."""
