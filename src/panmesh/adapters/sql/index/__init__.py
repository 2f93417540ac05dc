"""A derived index of the catalogue: columns in files that every process of a host maps, made from SQL and thrown away at will.

SQL is the truth. What the index cannot answer, or is too old to answer, SQL answers: both say the same.
"""
