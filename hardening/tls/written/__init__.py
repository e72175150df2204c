"""The templates as Python, written by `make templates`: what they are, without loading the engine that reads them."""
