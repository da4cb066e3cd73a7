"""What every room uses: errors and checks of arguments, wording, text tables, files written whole.

May import the standard library and NumPy only.
"""
