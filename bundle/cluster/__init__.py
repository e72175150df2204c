"""Bundles audited on machines that are there already: a Dask scheduler and its workers, objects by URL."""
