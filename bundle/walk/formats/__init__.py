"""One module per format: bytes in, `Raw` and `Note` out."""
