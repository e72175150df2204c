"""Triage of upgrade logs: what each line means, told from its program, its neighbours and its wording."""
