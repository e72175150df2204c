"""Texts for people: sentences, labels and tables that tell an account its password."""
