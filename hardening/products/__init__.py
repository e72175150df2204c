"""What is known of products, one folder each: facts with their sources. A product without a folder works, too."""

from hardening.products.pack import AdvisoryEvidence, Pack, ProductAdvisory, ProductFact, available, load

__all__ = ["AdvisoryEvidence", "Pack", "ProductAdvisory", "ProductFact", "available", "load"]
