"""Healthy networks, in which a practitioner finds nothing."""

from __future__ import annotations

import math

from tests.tensorseed.evaluations.findings.networks import (
    ADAM,
    BLOCK,
    FLAT,
    GAP,
    LSTM,
    NORMAL,
    PIXELS,
    RELU,
    SERIES,
    TABLE,
    TAGS,
    VOCABULARY,
    WIDTH,
    WORDS,
    XAVIER,
    Network,
    act,
    branch,
    conv,
    depthwise,
    gpt,
    images,
    linear,
    mlp,
    network,
    norm,
    normal,
    one_output,
    residual,
    resnet,
    scale,
    siren,
    stream,
    uniform,
    upsampling,
)

HEALTHY: dict[str, Network] = {
    "ReLU, kaiming_normal": mlp(RELU),
    "ReLU, kaiming_uniform": mlp("kaiming_uniform"),
    "ReLU, kaiming_normal, 20 layers": mlp(RELU, depth=20),
    "ReLU, torch's default, 3 layers": mlp(None, depth=3, head=None),
    "Tanh, orthogonal": mlp("orthogonal", "Tanh"),
    "Tanh, xavier_normal, gain 5/3, 10 layers": mlp({"kind": XAVIER, "gain": 5 / 3}, "Tanh", 10),
    "Tanh, torch's default": mlp(None, "Tanh", head=None),
    "SELU, lecun_normal": mlp("lecun_normal", "SELU", 8),
    "GELU": mlp("kaiming_normal", "GELU"),
    "SiLU": mlp("kaiming_normal", "SiLU"),
    "ELU": mlp("kaiming_normal", "ELU"),
    "LeakyReLU of slope 0.2": mlp({"kind": "kaiming_normal", "a": 0.2}, act("LeakyReLU", negative_slope=0.2)),
    "Hardswish": mlp("kaiming_normal", "Hardswish"),
    "Hardtanh": mlp(XAVIER, "Hardtanh"),
    "Softplus": mlp("kaiming_normal", "Softplus", 2),
    "Sigmoid, 2 layers": mlp(XAVIER, "Sigmoid", 2),
    "BatchNorm rescues std 0.01": mlp(normal(0.01), between="BatchNorm1d"),
    "BatchNorm rescues std 1": mlp(normal(1.0), between="BatchNorm1d"),
    "BatchNorm, 20 layers": mlp(RELU, between="BatchNorm1d", depth=20),
    "LayerNorm, torch's default": mlp(None, between="LayerNorm", depth=8, head=None),
    "a small head": mlp(RELU, head=normal(0.001)),
    "a policy's head": mlp(
        {"kind": "orthogonal", "gain": 2**0.5}, "Tanh", 2, head={"kind": "orthogonal", "gain": 0.01}
    ),
    "logistic regression": network([linear("fc", 8, 3)], [32, 8], {"classes": 3}, "cross_entropy"),
    "logistic regression, small": network(
        [linear("fc", 8, 3, normal(1e-4))], [32, 8], {"classes": 3}, "cross_entropy"
    ),
    "linear regression": network(
        [linear("fc", 8, 1, XAVIER)], [32, 8], NORMAL, "mse_loss", optimizer="SGD", steps=5
    ),
    "regression, kaiming head": one_output("mse_loss", NORMAL, RELU),
    "huber_loss": one_output("huber_loss", NORMAL),
    "binary classes, logits": one_output("binary_cross_entropy_with_logits", {"classes": 2}),
    "binary classes, rare": one_output(
        {"kind": "binary_cross_entropy_with_logits", "pos_weight": [10.0]}, {"classes": 2}
    ),
    "a detector's prior of 0.01": network(
        [linear("a", 8, 8, RELU), act("ReLU"), linear("head", 8, 1, normal(0.01), normal(0.0, -4.6))],
        [64, 8],
        {"data": [[float(i == 0)] for i in range(64)]},
        "sigmoid_focal_loss",
        optimizer=ADAM,
        steps=2,
    ),
    "binary classes, Sigmoid": mlp(RELU, classes=1, end=(act("Sigmoid"),))
    | {"target": {"classes": 2}, "loss": "binary_cross_entropy"},
    "masks": mlp(RELU, end=(act("Sigmoid"),)) | {"target": {"classes": 2}, "loss": "dice_loss"},
    "masks of one class each": mlp(RELU, end=(act("Softmax", dim=1),))
    | {"target": {"data": [[float(i % 10 == j) for j in range(10)] for i in range(64)]}, "loss": "dice_loss"},
    "quantile_loss": one_output({"kind": "quantile_loss", "alpha": 0.9}, NORMAL),
    "log_cosh_loss": one_output("log_cosh_loss", NORMAL),
    "nll_loss of LogSoftmax": mlp(RELU, end=(act("LogSoftmax", dim=1),), loss="nll_loss"),
    "cross_entropy of LogSoftmax": mlp(RELU, end=(act("LogSoftmax", dim=1),)),
    "kl_div of LogSoftmax": mlp(RELU, end=(act("LogSoftmax", dim=1),))
    | {"target": {"init": {"kind": "constant", "value": 0.1}}, "loss": "kl_div"},
    "convolutions": images(
        [
            conv("c1", 3, 8),
            act("ReLU"),
            conv("c2", 8, 8),
            act("ReLU"),
            act("MaxPool2d", kernel_size=2),
            FLAT,
            linear("fc", 128, 10),
        ]
    ),
    "convolutions and a global mean": images(
        [conv("c1", 3, 8), act("ReLU"), conv("c2", 8, 16), act("ReLU"), GAP, FLAT, linear("fc", 16, 10)], 16
    ),
    "a mean over many places": images(
        [
            conv("c1", 3, 8),
            {"name": "n", "type": "GroupNorm", "num_groups": 4, "num_channels": 8},
            act("ReLU"),
            conv("c2", 8, 8),
            act("ReLU"),
            GAP,
            FLAT,
            linear("fc", 8, 10),
        ],
        32,
    ),
    "one sample, of which a layer is 0": network(
        [linear("a", 8, 8, RELU), act("ReLU"), linear("b", 8, 3)], [1, 8], {"classes": 3}, "cross_entropy"
    ),
    "depthwise convolutions": depthwise(RELU),
    "pixels into a BatchNorm": images(
        [
            conv("c1", 3, 8),
            {"name": "n", "type": "BatchNorm2d", "num_features": 8},
            act("ReLU"),
            FLAT,
            linear("fc", 512, 10),
        ],
        init=PIXELS,
    ),
    "pixels from 0 to 1": images(
        [conv("c1", 3, 8), act("ReLU"), FLAT, linear("fc", 512, 10)], init={"kind": "uniform", "a": 0, "b": 1}
    ),
    "a generator of images": network(
        [
            upsampling(8, 8, "t1"),
            {"name": "n", "type": "BatchNorm2d", "num_features": 8},
            act("ReLU"),
            upsampling(8, 3, "t2"),
            act("Tanh"),
        ],
        [8, 8, 4, 4],
    ),
    "an autoencoder": network(
        [linear("e", 32, 8, RELU), act("ReLU"), linear("d", 8, 32, XAVIER)], [64, 32], NORMAL, "mse_loss"
    ),
    "an LSTM": network([LSTM, TAGS], **SERIES),
    "two LSTMs": network([LSTM, {**LSTM, "name": "rnn2", "input_size": 16}, TAGS], **SERIES),
    "a GRU": network([{**LSTM, "type": "GRU"}, TAGS], **SERIES),
    "a transformer": network([TABLE, BLOCK, {**BLOCK, "name": "block2"}, VOCABULARY], **WORDS),
    "a transformer of a small table": network(
        [{**TABLE, "init": {"weight": normal(0.001)}}, BLOCK, VOCABULARY], **WORDS
    ),
    "a bag of words": network(
        [{**TABLE, "type": "EmbeddingBag"}, linear("fc", 16, 5)],
        [16, 6],
        {"classes": 5},
        "cross_entropy",
        classes=30,
    ),
    "the last step of an LSTM": network([LSTM, act("Select", dim=1), TAGS], **SERIES),
    "the mean over the steps of an LSTM": network([LSTM, act("Mean", dim=1), TAGS], **SERIES),
    "steps as channels": network(
        [
            act("Permute", dims=[0, 2, 1]),
            {"name": "c", "type": "Conv1d", "in_channels": 8, "out_channels": 16, "kernel_size": 3},
            act("ReLU"),
            act("Mean", dim=2),
            TAGS,
        ],
        **SERIES,
    ),
    "a ResNet": resnet("ones"),
    "a ResNet of zero gammas": resnet("zeros"),
    "branches of zeros": stream(branch("b{0..5}", "zeros"), optimizer=ADAM, steps=3),
    "branches of zeros, the last the output": network(
        [branch("b{0..3}", "zeros")], [64, WIDTH], NORMAL, "mse_loss"
    ),
    "scaled branches": stream(branch("b{0..15}", scale=0.25)),
    "LayerScale": stream(
        residual(
            "b{0..11}", linear("fc1", WIDTH, WIDTH, RELU), act("ReLU"), linear("fc2", WIDTH, WIDTH), scale()
        )
    ),
    "LayerScale of images": images(
        [
            conv("stem", 3, 8),
            residual("b{0..2}", conv("c", 8, 8), act("ReLU"), scale(dim=8, axis=1)),
            GAP,
            FLAT,
            linear("fc", 8, 10),
        ]
    ),
    "ReZero": stream(
        residual("b{0..11}", linear("fc", WIDTH, WIDTH, XAVIER), act("ReLU"), scale("zeros", 1)),
        optimizer=ADAM,
        steps=3,
    ),
    "ReZero of functions alone": network(
        [residual("b{0..3}", linear("fc", WIDTH, WIDTH, RELU), act("ReLU"), scale("zeros", 1))],
        [64, WIDTH],
        NORMAL,
        "mse_loss",
    ),
    "Fixup": stream(
        residual(
            "b{0..3}",
            linear("fc1", WIDTH, WIDTH, {"kind": "variance_scaling", "scale": 0.5, "mode": "fan_in"}),
            act("ReLU"),
            linear("fc2", WIDTH, WIDTH, "zeros"),
            scale("ones", 1),
        )
    ),
    "pre-norm, scaled by depth": gpt(0.02 / math.sqrt(24)),
    "pre-norm, as the others": gpt(0.02),
    "post-norm": stream(*[part for i in range(6) for part in (branch(f"b{i}"), norm(f"n{i}", "LayerNorm"))]),
    "branches beside each other": images(
        [
            conv("stem", 3, 8),
            act("ReLU"),
            {
                "name": "mix.{0..2}",
                "type": "Concat",
                "branches": [[conv("a", 8, 4, size=1), act("ReLU")], [conv("b", 8, 4), act("ReLU")]],
            },
            GAP,
            FLAT,
            linear("fc", 8, 10),
        ]
    ),
    "sines": siren(uniform(1 / 2), uniform(math.sqrt(6 / 64) / 30)),
    "bfloat16": mlp(RELU, depth=3, dtype="bfloat16"),
    "float16 with SGD": mlp(RELU, depth=2, dtype="float16", optimizer={"kind": "SGD", "lr": 0.1}, steps=3),
    "float16 with Adam of eps 1e-4": mlp(
        RELU, depth=2, dtype="float16", steps=3, optimizer={"kind": "Adam", "eps": 1e-4}
    ),
    "Adam, 20 steps": mlp(RELU, depth=2, optimizer=ADAM, steps=20),
    "no loss": {"layers": mlp(RELU)["layers"], "input": mlp(RELU)["input"]},
}
