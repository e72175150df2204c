"""Java: what the bytecode of classes and the text of sources give to calls, fields and comparisons."""
