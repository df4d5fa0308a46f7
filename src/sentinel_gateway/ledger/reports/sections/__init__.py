"""Figures and tables by subject; `soc2` and `iso27001` put them under the controls of their standard."""
