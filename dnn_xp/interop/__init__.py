"""Networks of other libraries as models, and models as networks of other libraries.

May import all rooms but `cli`; scikit-learn and PyTorch are imported where they are needed.
"""
