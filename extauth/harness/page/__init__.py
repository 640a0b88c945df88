"""A report as one HTML page that you can attach to a ticket. It contains its plots and loads no other files.

html   the report and its page
plots  the plots
svg    axes, and shapes between two axes
"""
