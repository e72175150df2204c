"""Streaming walk over every nesting of a bundle."""
