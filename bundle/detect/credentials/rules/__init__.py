"""What is looked for: families of rules, own and in gitleaks' format, and the gate over all of their patterns."""
