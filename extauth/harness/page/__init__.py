"""A report as one HTML page that needs nothing else: somebody can attach it to a ticket.

report   what stands on the page
html     the page
plots    its plots: what is drawn
svg      how it is drawn: scales, axes, lines
"""
