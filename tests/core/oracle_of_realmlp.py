"""RealMLP-TD-S (arXiv 2407.04491, A.1) in PyTorch, with RealMLP-TD's parametric activation or not."""

from __future__ import annotations

import math

import numpy as np


class RealMLPStep:
    """Full-batch updates from the parameters of a model of ours that was not trained.

    The differences to our formulas are on purpose: weights divided by sqrt(n_in) in the forward pass,
    the scaling layer on the features, softmax of two outputs, torch.optim.Adam with a group of each
    rate.
    """

    def __init__(self, torch, start, X, Y, classes, parametric=False):
        self.torch, self.classes = torch, classes
        mean, iqr = start.standardization
        scaled = (X - mean) / iqr
        self.x = torch.tensor((scaled / np.sqrt(1 + (scaled / 3) ** 2)).T)
        self.mean, self.scale = start.target_standardization or (np.zeros((1, 1)), np.ones((1, 1)))
        if classes:
            self.y = torch.tensor(Y)
        else:
            self.y = torch.tensor((Y - self.mean[0]) / self.scale[0])[:, None]
        self.s = torch.ones(X.shape[0], dtype=torch.float64, requires_grad=True)
        self.W, self.b = [], []
        for W, b in start.parameters:
            if len(self.W) == len(start.parameters) - 1 and classes == 2:
                W, b = np.repeat(W, 2, axis=0), np.repeat(b, 2, axis=0)
            root = math.sqrt(W.shape[1])
            self.W.append(torch.tensor(W.T * root, requires_grad=True))
            self.b.append(torch.tensor(b[:, 0].copy(), requires_grad=True))
        self.a = [torch.ones_like(b, requires_grad=parametric) for b in self.b[:-1]]
        self.groups = [(self.W, 1.0), (self.b, 0.1), ([self.s], 6.0), (self.a, 0.1)]
        self.optimizer = torch.optim.Adam(
            [{"params": params, "lr": 1.0} for params, _ in self.groups],
            betas=(0.9, 0.95),
            eps=1e-14,
        )

    def logits(self):
        functional = self.torch.nn.functional
        g = functional.selu if self.classes else functional.mish
        a = self.x * self.s
        for layer, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            a = a @ (W / math.sqrt(W.shape[0])) + b
            a = a if layer == len(self.W) - 1 else a + (g(a) - a) * self.a[layer]
        return a

    def step(self, t):
        rate = (
            (0.04 if self.classes else 0.07)
            * 0.5
            * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t)))
        )
        for group, (_, factor) in zip(self.optimizer.param_groups, self.groups, strict=True):
            group["lr"] = rate * factor
        self.optimizer.zero_grad()
        functional = self.torch.nn.functional
        if self.classes:
            loss = functional.cross_entropy(self.logits(), self.y, label_smoothing=0.1)
        else:
            loss = functional.mse_loss(self.logits(), self.y)
        loss.backward()
        self.optimizer.step()

    def output(self):
        """What our decision_function gives."""
        z = self.logits().detach().numpy().T
        if self.classes == 2:
            return z[1:] - z[:1]
        return z if self.classes else z * self.scale + self.mean
