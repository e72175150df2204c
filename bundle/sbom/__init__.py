"""What a bundle contains, as bills of materials: components, packages, archives, certificates and keys."""
