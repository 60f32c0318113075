"""Benchmarks: the service beside a plain one, on the same data, in one run.

Never imported by the product. ``make bench`` runs ``python -m bench``.
"""
