"""Apache httpd: the target, the language of its configuration, its protocols and names."""
