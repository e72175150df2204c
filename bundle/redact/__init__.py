"""Lines of strangers' texts as a report may quote them: everything that is not known to be plain is masked."""
