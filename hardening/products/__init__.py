"""What is known of products, one folder each: facts with their sources. A product without a folder works, too."""

from hardening.products.pack import Advisory, Evidence, Fact, Pack, available, load

__all__ = ["Advisory", "Evidence", "Fact", "Pack", "available", "load"]
