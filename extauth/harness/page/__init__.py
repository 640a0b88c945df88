"""A report as one HTML page that somebody can attach to a ticket.

It is whole: its plots are drawn here, and it loads nothing.

    report   what stands on the page
    html     the page
    plots    its plots
    scales   where on an axis a value lies
    svg      shapes between two axes
"""
