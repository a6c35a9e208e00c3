// Networks to begin with. "$width" stands for a number, "$depth" within names, {"$if": "norm"} for a switch.

/** Layers of one width, with a function behind each. */
const dense = (activation, init) => ({
  "layers": [
    {"name": "h{1..$depth}.fc", "type": "Linear", "in_features": "$width", "out_features": "$width", "init": {"weight": init, "bias": "zeros"}},
    {"$if": "norm", "name": "h{1..$depth}.bn", "type": "BatchNorm1d", "num_features": "$width"},
    {"name": "h{1..$depth}.act", "type": activation},
    {"name": "head", "type": "Linear", "in_features": "$width", "out_features": 10, "init": {"weight": "xavier_normal", "bias": "zeros"}}
  ],
  "input": {"shape": [128, "$width"], "init": "normal"},
  "target": {"classes": 10},
  "loss": "cross_entropy"
});

export default {
  "presets": [
    {
      "id": "mlp",
      "title": "MLP",
      "text": "Two hidden layers of ReLU. Zeros give every neuron of a layer the same gradient, so they stay alike; any random init tells them apart.",
      "controls": {"depth": [1, 24, 2], "width": [8, 256, 64]},
      "normalisable": true,
      "lr": 0.01,
      "variants": ["zeros", "constant:value=0.05", "normal:std=0.02", "xavier_normal", "kaiming_normal"],
      "faulty": ["zeros", "constant:value=0.05"],
      "request": dense("ReLU", "kaiming_normal")
    },
    {
      "id": "deep-tanh",
      "title": "Deep tanh",
      "text": "Weights that are too small shrink the signal at each layer; weights that are too large drive tanh to ±1, where its slope is 0. Xavier keeps between the two.",
      "controls": {"depth": [2, 32, 12], "width": [8, 256, 64]},
      "normalisable": true,
      "lr": 0.003,
      "variants": ["normal:std=0.02", "normal:std=1", "xavier_normal", "orthogonal"],
      "faulty": ["normal:std=0.02", "normal:std=1"],
      "request": dense("Tanh", "xavier_normal")
    },
    {
      "id": "deep-relu",
      "title": "Deep ReLU",
      "text": "ReLU halves the mean square of a signal. Kaiming doubles the variance of the weights to make up for it; Xavier does not, and loses a factor of √2 at each layer.",
      "controls": {"depth": [2, 32, 8], "width": [8, 256, 64]},
      "normalisable": true,
      "lr": 0.003,
      "variants": ["normal:std=0.02", "normal:std=0.5", "xavier_normal", "kaiming_normal"],
      "faulty": ["normal:std=0.02", "normal:std=0.5"],
      "request": dense("ReLU", "kaiming_normal")
    },
    {
      "id": "convnet",
      "title": "Convnet",
      "text": "Convolutions of 3 × 3 on images of 16 × 16. The fan of a convolution counts its window too: 9 times the channels.",
      "controls": {"depth": [1, 12, 4], "width": [4, 32, 16]},
      "normalisable": true,
      "lr": 0.01,
      "variants": ["zeros", "normal:std=0.01", "xavier_normal", "kaiming_normal"],
      "faulty": ["zeros", "normal:std=0.01"],
      "request": {
        "layers": [
          {"name": "stem", "type": "Conv2d", "in_channels": 3, "out_channels": "$width", "kernel_size": 3, "padding": 1, "init": {"weight": "kaiming_normal", "bias": "zeros"}},
          {"name": "c{1..$depth}.conv", "type": "Conv2d", "in_channels": "$width", "out_channels": "$width", "kernel_size": 3, "padding": 1, "init": {"weight": "kaiming_normal", "bias": "zeros"}},
          {"$if": "norm", "name": "c{1..$depth}.bn", "type": "BatchNorm2d", "num_features": "$width"},
          {"name": "c{1..$depth}.act", "type": "ReLU"},
          {"name": "pool", "type": "AvgPool2d", "kernel_size": 8},
          {"name": "flat", "type": "Flatten"},
          {"name": "head", "type": "Linear", "in_features": "$width*4", "out_features": 10, "init": {"weight": "xavier_normal", "bias": "zeros"}}
        ],
        "input": {"shape": [16, 3, 16, 16], "init": "normal"},
        "target": {"classes": 10},
        "loss": "cross_entropy"
      }
    },
    {
      "id": "residual",
      "title": "Residual",
      "text": "Each block adds its branch to its input, so the signal passes even where the branch is silent. A branch that begins at zeros in its last layer leaves the depth without effect at first (Fixup).",
      "controls": {"depth": [1, 24, 8], "width": [8, 128, 32]},
      "lr": 0.01,
      "variants": ["normal:std=0.02", "kaiming_normal", "{\"label\": \"kaiming, last zeros\", \"rules\": [{\"match\": \"*.fc2.weight\", \"init\": \"zeros\"}, {\"match\": \"*.fc1.weight\", \"init\": \"kaiming_normal\"}]}", "normal:std=0.5"],
      "faulty": ["kaiming_normal", "normal:std=0.5"],
      "request": {
        "layers": [
          {"name": "b{1..$depth}", "type": "Residual", "layers": [
            {"name": "fc1", "type": "Linear", "in_features": "$width", "out_features": "$width", "bias": false},
            {"type": "ReLU"},
            {"name": "fc2", "type": "Linear", "in_features": "$width", "out_features": "$width", "bias": false}
          ]},
          {"name": "head", "type": "Linear", "in_features": "$width", "out_features": 10, "init": {"weight": "xavier_normal", "bias": "zeros"}}
        ],
        "input": {"shape": [128, "$width"], "init": "normal"},
        "target": {"classes": 10},
        "loss": "cross_entropy"
      }
    },
    {
      "id": "gpt2",
      "title": "GPT-2 block",
      "text": "Attention and an MLP, each with a norm before it and a sum behind it. GPT-2 draws with a deviation of 0.02 and the last layer of each branch with less, so that the sums do not grow with depth.",
      "controls": {"depth": [1, 8, 4], "width": [16, 64, 32]},
      "lr": 0.01,
      "variants": ["given:GPT-2", "normal:std=0.02", "xavier_normal", "normal:std=1"],
      "faulty": ["normal:std=1"],
      "request": {
        "layers": [
          {"name": "wte", "type": "Embedding", "num_embeddings": 50, "embedding_dim": "$width", "init": {"kind": "normal", "std": 0.02}},
          {"name": "h.{1..$depth}.attn", "type": "Residual", "layers": [
            {"name": "ln", "type": "LayerNorm", "normalized_shape": "$width"},
            {"name": "c", "type": "MultiheadAttention", "embed_dim": "$width", "num_heads": 4, "batch_first": true,
             "init": {"in_proj_weight": {"kind": "normal", "std": 0.02}, "out_proj.weight": {"kind": "normal", "std": "$scaled"}}}
          ]},
          {"name": "h.{1..$depth}.mlp", "type": "Residual", "layers": [
            {"name": "ln", "type": "LayerNorm", "normalized_shape": "$width"},
            {"name": "c_fc", "type": "Linear", "in_features": "$width", "out_features": "$width*4", "init": {"weight": {"kind": "normal", "std": 0.02}, "bias": "zeros"}},
            {"name": "act", "type": "GELU", "approximate": "tanh"},
            {"name": "c_proj", "type": "Linear", "in_features": "$width*4", "out_features": "$width", "init": {"weight": {"kind": "normal", "std": "$scaled"}, "bias": "zeros"}}
          ]},
          {"name": "ln_f", "type": "LayerNorm", "normalized_shape": "$width"},
          {"name": "lm_head", "type": "Linear", "in_features": "$width", "out_features": 50, "bias": false, "init": {"kind": "normal", "std": 0.02}}
        ],
        "input": {"shape": [4, 16], "classes": 50},
        "target": {"classes": 50},
        "loss": "cross_entropy"
      }
    }
  ],
  "lessons": [
    {
      "id": "symmetry",
      "title": "Zeros keep neurons alike",
      "text": "With equal weights all neurons of a layer compute the same and get the same gradient, so the layer stays one neuron wide. A random init breaks the symmetry, however small it is.",
      "state": {"preset": "mlp", "variants": "zeros|constant:value=0.05|normal:std=0.02"},
      "faulty": ["zeros", "constant:value=0.05"]
    },
    {
      "id": "vanishing",
      "title": "Small weights: the signal vanishes",
      "text": "A deviation of 0.02 multiplies the signal by 0.16 at each of these layers of 64 neurons. After twelve of them nothing of the input is left, and the gradient is lost on its way back just so.",
      "state": {"preset": "deep-tanh", "variants": "normal:std=0.02|xavier_normal"},
      "faulty": ["normal:std=0.02"]
    },
    {
      "id": "exploding",
      "title": "Large weights: it explodes",
      "text": "A deviation of 0.5 makes the signal nearly three times as large at each layer, and the gradient too. The first loss is thousands of times the expected one.",
      "state": {"preset": "deep-relu", "variants": "normal:std=0.5|kaiming_normal"},
      "faulty": ["normal:std=0.5"]
    },
    {
      "id": "xavier-kaiming",
      "title": "Xavier or Kaiming",
      "text": "In 24 layers of ReLU the factor √2 adds up to 4,096: Kaiming keeps the signal, Xavier loses it. With tanh it is Xavier that fits.",
      "state": {"preset": "deep-relu", "depth": "24", "variants": "xavier_normal|kaiming_normal"},
      "faulty": ["xavier_normal"]
    },
    {
      "id": "batch-norm",
      "title": "Batch normalisation mends a bad init",
      "text": "A norm behind each layer sets the deviation to 1 whatever the weights are, so that even bad inits train. Switch it off to see what it mends.",
      "state": {"preset": "deep-relu", "norm": "1", "variants": "normal:std=0.02|normal:std=0.5|kaiming_normal"},
      "faulty": []
    },
    {
      "id": "optimizers",
      "title": "Optimizers compared",
      "text": "One network, one init, one learning rate: plain SGD hardly moves, momentum gets further, Adam is far ahead. RMSprop begins with steps of ten times the rate, and needs a smaller one.",
      "state": {"preset": "deep-relu", "lr": "0.003", "variants": "SGD|SGD:momentum=0.9|RMSprop|Adam"},
      "faulty": []
    }
  ]
};
