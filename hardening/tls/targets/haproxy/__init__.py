"""HAProxy: the target, its words and conditions, and the certificates of its bind lines."""
