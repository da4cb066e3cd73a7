"""What stands below the options in --help: examples, which a test runs, and exit codes."""

from __future__ import annotations

GENERAL = """\
examples:
  dnn-xp demo
  dnn-xp train houses.csv --target price -o houses.safetensors
  dnn-xp predict houses.safetensors houses.csv -o prices.csv

exit codes:
  0    done
  1    failed: one line on stderr says why; --debug shows where
  2    the command line cannot be understood
  130  interrupted by Ctrl-C; 'train' and 'sweep' save the model so far
  141  whoever read the output has closed it
  143  terminated by SIGTERM; 'train' saves the model so far

'dnn-xp COMMAND --help' shows the options of a command and examples.
"""

TRAIN = """\
examples:
  dnn-xp train breast_cancer
  dnn-xp train houses.csv --target price --exclude id -o houses.safetensors
  dnn-xp train table.parquet --target species --validation 0.1 --patience 20
  dnn-xp train digits.npz --x-key images --y-key labels --batch-size 64
  dnn-xp train table.parquet --target species --metrics auc,f1 -o f.safetensors
  dnn-xp train --config houses.toml --learning-rate 0.002 -o again.safetensors

Every feature is standardized: its mean is subtracted and it is divided by its
standard deviation, both from the training examples and kept in the model. Raw
tables need that; --no-standardize leaves the features as they are.

A target of text or whole numbers means classes, one of other numbers values.
--cost decides otherwise: squared_error means values, softmax_cross_entropy
classes. Ctrl-C ends a training early and saves the model so far. After
--checkpoint DIR a training that was stopped or killed goes on by --resume DIR.

Beside MODEL.safetensors stands MODEL.toml: the data's path, the split and every
option. --config MODEL.toml makes the same model again, to the last bit on the
same machine. Options that are typed besides override the file.
"""

PREDICT = """\
examples:
  dnn-xp predict houses.safetensors houses.csv
  dnn-xp predict houses.safetensors houses.csv -o prices.parquet
  dnn-xp predict f.safetensors table.parquet --proba -o odds.csv
"""

EXPORT = """\
examples:
  dnn-xp export houses.safetensors houses.onnx
  dnn-xp export f.safetensors f.onnx --opset 18
"""

INFO = """\
examples:
  dnn-xp info houses.safetensors
"""

DEVICES = """\
examples:
  dnn-xp devices
"""

DEMO = """\
examples:
  dnn-xp demo
  dnn-xp demo --quiet --threads 1
"""

PLAN = """\
examples:
  dnn-xp plan houses.csv --target price
  dnn-xp plan --shape 28,10000000 --hidden 64,64 --batch-size 1024
  dnn-xp plan --config houses.toml

Memory is computed from shapes. Time is measured: a few updates on random
numbers of the same shape, or of fewer examples where those would take long.
Nothing is trained and nothing is written.
"""

SWEEP = """\
examples:
  dnn-xp sweep houses.csv --target price --iterations 60 \\
      --grid "hidden=32,64-32;learning_rate=0.01,0.001"
  dnn-xp sweep table.parquet --target species --eta 3 --grid rates.toml \\
      --points 9 --file rates.jsonl -o best.safetensors

--grid: options of 'dnn-xp train' with the values to try, every combination of
which is trained. Sizes of several layers are joined by '-'; 'none' is no hidden
layer, and an option that is left out. Or a TOML file with a list of values for
each option, or what to draw --points points from:

  hidden = [[32], [64, 32]]
  learning_rate = { log_uniform = [1e-4, 1e-1] }
  l2 = { uniform = [0.0, 2.0] }
  batch_size = { integers = [32, 256] }

The points are compared on --validation (0.2 when left out) of the examples that
are not held out for the test. --eta 3 trains all of them for a short while, the
best third three times as long, and so on. With --file every result is written
at once, and a sweep that was interrupted goes on. The best model is saved as
'train' saves it: MODEL.toml makes it again.
"""

BENCH = """\
examples:
  dnn-xp bench
  dnn-xp bench --threads 1 --seconds 1

The network is 28-64-32-1 in float32 with 100,000 examples, its full-batch
gradient the one of 'dnn-xp train'. Plain NumPy is the same formulas on whole
arrays, with as many threads as its BLAS takes by itself. Both gradients are
checked against finite differences first. The two take turns; the figure is the
median, with the fastest and the slowest. It is a figure of this machine, at
this moment: close other programs.
"""
