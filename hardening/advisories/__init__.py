"""Answers to public advisories: for each one, whether a host or a bundle is affected, by its release and by evidence.

table    the advisories of a product's pack, and what CSAF files add
seen     what is looked for, on a host and in a bundle
judge    table and what was seen into answers
report   answers as a `Run`, for the report writers
vex      answers as CycloneDX VEX and as OpenVEX
"""
