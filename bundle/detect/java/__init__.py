"""Java libraries told by their classes: names and checksums from a zip directory, code from its opcodes."""
