"""What every room uses: checks of numbers and the wording of errors.

May import the standard library and NumPy only.
"""
