"""Write a copy of a bundle in which what can be fixed safely is fixed, and list every change.

It may import the audit, the walk and the rewriting.
"""
