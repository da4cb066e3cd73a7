"""dnn_xp.train on X and Y as they are, for oracles that know of no mean and scale."""

import dnn_xp

AS_GIVEN = {"standardize": False, "standardize_targets": False}


def train(*given, **how):
    return dnn_xp.train(*given, **AS_GIVEN | how)


def gradient_check(*given, **how):
    return dnn_xp.gradient_check(*given, **AS_GIVEN | how)
