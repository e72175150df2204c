"""Verify that a cleaned bundle is the original minus what the cleaning lists; shares no code with the cleaner.

It may import the walk, and nothing of the cleaning.
"""
