"""The story the tool tells of itself on a machine with nothing else installed: find, fix, prove."""
