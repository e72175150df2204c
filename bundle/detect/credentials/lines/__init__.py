"""Places that are known by their shape within a line: tables, lists, addresses, rows, comparisons."""
