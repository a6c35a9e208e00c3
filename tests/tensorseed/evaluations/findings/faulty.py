"""Faulty networks, with what a practitioner finds."""

from __future__ import annotations

from tests.tensorseed.evaluations.findings.networks import (
    ADAM,
    LSTM,
    NORMAL,
    PIXELS,
    RELU,
    SERIES,
    TABLE,
    TAGS,
    TEN,
    WIDTH,
    XAVIER,
    Case,
    act,
    branch,
    depthwise,
    linear,
    mlp,
    network,
    norm,
    normal,
    one_output,
    scale,
    scaled,
    siren,
    stream,
)

FAULTY: dict[str, Case] = {
    "a head of zeros": (mlp(RELU, head="zeros", optimizer=ADAM, steps=20), ["zero_head"]),
    "logistic regression from 0": (
        network([linear("fc", 8, 3, "zeros")], [32, 8], {"classes": 3}, "cross_entropy"),
        ["zero_head"],
    ),
    "zeros": (mlp("zeros"), ["symmetric_neurons"]),
    "constants": (mlp({"kind": "constant", "value": 0.02}), ["symmetric_neurons"]),
    "ones": (mlp("ones"), ["symmetric_neurons"]),
    "zeros in the middle": (
        network(
            [
                linear("a", 16, 16, RELU),
                act("ReLU"),
                linear("b", 16, 16, "zeros"),
                act("ReLU"),
                linear("c", 16, 10, XAVIER),
            ],
            [32, 16],
            TEN,
            "cross_entropy",
        ),
        ["symmetric_neurons"],
    ),
    "std 0.01": (mlp(normal(0.01)), ["vanishing_activations", "vanishing_gradients"]),
    "std 1": (mlp(normal(1.0)), ["exploding_activations", "unexpected_loss"]),
    "xavier_normal for ReLU, 30 layers": (
        mlp(XAVIER, depth=30),
        ["vanishing_activations", "vanishing_gradients"],
    ),
    "torch's default, 8 layers": (mlp(None, depth=8, head=None), ["rank_collapse", "vanishing_gradients"]),
    "gain 0.1": (
        mlp({"kind": XAVIER, "gain": 0.1}, "Tanh"),
        ["vanishing_activations", "vanishing_gradients"],
    ),
    "kaiming_normal without a rectifier, 20 layers": (
        mlp(RELU, None, depth=20),
        ["exploding_activations", "exploding_gradients", "unexpected_loss"],
    ),
    "Sigmoid, 5 layers": (mlp(XAVIER, "Sigmoid", 5), ["rank_collapse", "vanishing_gradients"]),
    "Tanh, std 1": (mlp(normal(1.0), "Tanh"), ["saturation"]),
    "Sigmoid, bias 10": (mlp(XAVIER, "Sigmoid", 1, bias={"kind": "constant", "value": 10.0}), ["saturation"]),
    "ReLU, bias -10": (mlp(RELU, bias={"kind": "constant", "value": -10.0}), ["dead_units"]),
    "ReLU, xavier_normal, bias -100": (
        mlp(XAVIER, depth=1, bias={"kind": "constant", "value": -100.0}),
        ["dead_units"],
    ),
    "Hardshrink of too much": (mlp(XAVIER, act("Hardshrink", lambd=5.0), 2), ["dead_units"]),
    "ReLU, random biases": (mlp(RELU, bias=normal(20.0)), ["rank_collapse", "unexpected_loss"]),
    "ReLU, kaiming_normal, 60 layers": (mlp(RELU, depth=60), ["rank_collapse"]),
    "weights of one sign": (
        mlp("uniform"),
        ["exploding_activations", "exploding_gradients", "rank_collapse", "unexpected_loss"],
    ),
    "a small norm": (
        network(
            [
                linear("a", 16, 16, XAVIER),
                {**norm("n", "LayerNorm", 16), "init": {"weight": {"kind": "constant", "value": 1e-4}}},
                linear("b", 16, 16, XAVIER),
                act("Tanh"),
                linear("c", 16, 10, XAVIER),
            ],
            [32, 16],
            TEN,
            "cross_entropy",
        ),
        ["vanishing_activations"],
    ),
    "LayerScale without a shortcut": (
        stream(linear("a", WIDTH, WIDTH, XAVIER), scale(), act("Tanh")),
        ["vanishing_activations", "vanishing_gradients"],
    ),
    "depthwise convolutions, fan_out": (
        depthwise({**RELU, "mode": "fan_out"}),
        ["vanishing_activations"],
    ),
    "a large recurrent matrix": (
        network([{**LSTM, "type": "RNN", "init": {"weight_hh_l0": normal(3.0)}}, TAGS], **SERIES),
        ["saturation"],
    ),
    "pixels": (scaled(mlp(RELU, depth=2), PIXELS), ["input_scale"]),
    "pixels into Tanh": (scaled(mlp(XAVIER, "Tanh", 2), PIXELS), ["input_scale"]),
    "an input of std 74": (scaled(mlp(RELU, depth=1), normal(74.0)), ["input_scale"]),
    "an input of 290 K": (scaled(mlp(RELU, depth=2), normal(10.0, 290.0)), ["input_scale"]),
    "an input of 1e-4": (scaled(mlp(RELU, depth=2), normal(1e-4)), ["input_scale"]),
    "a target of 100": (one_output("mse_loss", {"init": normal(1.0, 100.0)}), ["target_scale"]),
    "a target of 0.001": (one_output("mse_loss", {"init": normal(0.001)}), ["target_scale"]),
    "a target of 100 for a quantile": (
        one_output("quantile_loss", {"init": normal(1.0, 100.0)}),
        ["target_scale"],
    ),
    "focal loss of probabilities": (
        mlp(RELU, classes=1, end=(act("Sigmoid"),))
        | {"target": {"classes": 2}, "loss": "sigmoid_focal_loss"},
        ["probabilities_as_logits"],
    ),
    "a head of std 5": (mlp(RELU, depth=1, head=normal(5.0)), ["unexpected_loss"]),
    "a head of std 1 for 300 words": (
        network(
            [{**TABLE, "num_embeddings": 300, "embedding_dim": 64}, linear("fc", 64, 300, normal(1.0))],
            [8, 10],
            {"classes": 300},
            "cross_entropy",
            classes=300,
        ),
        ["unexpected_loss"],
    ),
    "nll_loss of logits": (mlp(RELU, loss="nll_loss"), ["not_log_probabilities"]),
    "nll_loss of Softmax": (
        mlp(RELU, loss="nll_loss", end=(act("Softmax", dim=1),)),
        ["not_log_probabilities"],
    ),
    "nll_loss over samples": (
        mlp(RELU, loss="nll_loss", end=(act("LogSoftmax", dim=0),)),
        ["not_log_probabilities"],
    ),
    "kl_div of logits": (
        mlp(RELU) | {"target": {"init": {"kind": "constant", "value": 0.1}}, "loss": "kl_div"},
        ["not_log_probabilities"],
    ),
    "cross_entropy of Softmax": (mlp(RELU, end=(act("Softmax", dim=1),)), ["probabilities_as_logits"]),
    "cross_entropy of Sigmoid": (
        mlp(RELU, end=(act("Sigmoid"), act("Dropout"))),
        ["probabilities_as_logits"],
    ),
    "two sigmoids": (
        mlp(RELU, classes=1, end=(act("Sigmoid"),))
        | {"target": {"classes": 2}, "loss": "binary_cross_entropy_with_logits"},
        ["probabilities_as_logits"],
    ),
    "NaN in the input": (
        {"layers": [linear("a", 4, 4, RELU)], "input": {"data": [["NaN", 0, 0, 0], [1, 2, 3, 4]]}},
        ["non_finite"],
    ),
    "infinity in the input": (
        {
            "layers": [linear("a", 4, 4, RELU), act("ReLU"), linear("b", 4, 2)],
            "target": {"classes": 2},
            "loss": "cross_entropy",
            "input": {"data": [["Infinity", 0, 0, 0], [1, 2, 3, 4]]},
        },
        ["non_finite"],
    ),
    "branches that add up": (
        stream(branch("b{0..29}")),
        ["exploding_activations", "exploding_gradients", "unexpected_loss"],
    ),
    "a branch of zeros alone": (stream(branch("a"), branch("b", "zeros", "zeros")), ["symmetric_neurons"]),
    "small layers between branches": (
        stream(branch("a"), linear("x{0..3}", WIDTH, WIDTH, normal(0.01)), branch("b")),
        ["vanishing_activations", "vanishing_gradients"],
    ),
    "pixels into branches": (scaled(stream(branch("b{0..3}")), PIXELS), ["input_scale"]),
    "sines under torch's default": (siren(None, None), ["exploding_gradients"]),
    "an overflow": (
        network([linear("a", 8, 8, normal(1e30)), linear("b", 8, 8, normal(1e30))], [8, 8]),
        ["exploding_activations", "non_finite"],
    ),
    "an overflow of float16": (mlp(normal(10.0), dtype="float16"), ["exploding_activations", "non_finite"]),
    "NaN in the target": (
        network(
            [linear("a", 4, 1, RELU)],
            [2, 4],
            {"data": [["NaN"], [1.0]]},
            "mse_loss",
            optimizer="Adam",
            steps=2,
        ),
        ["non_finite"],
    ),
    "no target counts": (
        network([linear("a", 4, 3)], [2, 4], {"data": [-100, -100]}, "cross_entropy"),
        ["non_finite"],
    ),
    "a loss beyond float16": (
        network(
            [linear("a", 4, 1)],
            [4, 4],
            {"data": [[400.0], [9.0], [9.0], [900.0]]},
            "mse_loss",
            dtype="float16",
        ),
        ["target_scale", "non_finite"],
    ),
    "float16 with Adam": (
        mlp(RELU, depth=1, dtype="float16", optimizer={"kind": "Adam", "lr": 1e-8}, steps=3),
        ["non_finite"],
    ),
    "SGD with lr 1e30": (mlp(RELU, optimizer={"kind": "SGD", "lr": 1e30}, steps=3), ["non_finite"]),
    "SGD with lr 2": (
        network(
            [linear("a", 8, 1)], [32, 8], NORMAL, "mse_loss", optimizer={"kind": "SGD", "lr": 2.0}, steps=6
        ),
        ["diverging_loss"],
    ),
    "Adam with lr 10": (mlp(RELU, optimizer={"kind": "Adam", "lr": 10.0}, steps=3), ["diverging_loss"]),
    "a momentum over 1": (
        mlp(RELU, depth=2, optimizer={"kind": "SGD", "lr": 0.1, "momentum": 1.5}, steps=40),
        ["diverging_loss"],
    ),
}
