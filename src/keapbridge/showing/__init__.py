"""Displays for notebooks: HTML that needs no script, follows the notebook's theme, and takes nothing for markup."""
