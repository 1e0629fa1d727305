"""Plotly figures, the HTML page, and the terminal summary."""
