"""What a name and a value say by themselves, wherever they stand."""
