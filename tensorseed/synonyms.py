"""Synonyms of schemes, losses, layer types, optimizers and fields.

They are what other frameworks and papers call them.
A key is a name without case, underscores and hyphens. Its values are the names to suggest, in order; those
that an error's list of valid names lacks are left out, but for names of other frameworks' initializers.
"""

from __future__ import annotations

from collections.abc import Collection

_KAIMING = ("kaiming_normal", "kaiming_uniform")
_XAVIER = ("xavier_uniform", "xavier_normal")
_LECUN = ("lecun_normal", "lecun_uniform")
_BCE = ("binary_cross_entropy", "binary_cross_entropy_with_logits")

SCHEMES: dict[str, tuple[str, ...]] = {
    "zero": ("zeros",),
    "zerosinitializer": ("zeros",),
    "null": ("zeros",),
    "one": ("ones",),
    "const": ("constant",),
    "fill": ("constant",),
    "full": ("constant",),
    "array": ("values",),
    "data": ("values",),
    "literal": ("values",),
    "gaussian": ("normal",),
    "gauss": ("normal",),
    "randn": ("normal",),
    "standardnormal": ("normal",),
    "randomnormal": ("normal", "keras.RandomNormal"),
    "rand": ("uniform",),
    "randomuniform": ("uniform", "keras.RandomUniform"),
    "truncatednormal": ("trunc_normal", "keras.TruncatedNormal"),
    "truncnorm": ("trunc_normal",),
    "truncnormaltf": ("trunc_normal", "jax.truncated_normal"),
    "identity": ("eye",),
    "he": _KAIMING,
    "kaiming": _KAIMING,
    "msra": (*_KAIMING, "caffe.msra"),
    "msraprelu": ("kaiming_normal", "mxnet.MSRAPrelu"),
    "msrafill": ("kaiming_normal", "caffe2.MSRAFill"),
    "henormal": ("kaiming_normal", "keras.HeNormal"),
    "heuniform": ("kaiming_uniform",),
    "kaimingnormal": ("kaiming_normal",),
    "kaiminguniform": ("kaiming_uniform",),
    "xavier": _XAVIER,
    "glorot": _XAVIER,
    "xavierfill": ("xavier_uniform", "caffe2.XavierFill"),
    "glorotnormal": ("xavier_normal", "keras.GlorotNormal"),
    "glorotuniform": ("xavier_uniform",),
    "xaviernormal": ("xavier_normal",),
    "xavieruniform": ("xavier_uniform",),
    "lecun": _LECUN,
    "selu": ("lecun_normal",),
    "uniformunitscaling": ("variance_scaling",),
    "fanin": ("variance_scaling",),
    "scaling": ("variance_scaling",),
    "ortho": ("orthogonal",),
    "orthonormal": ("orthogonal",),
    "haar": ("orthogonal",),
    "delta": ("dirac", "delta_orthogonal"),
    "kroneckerdelta": ("dirac",),
    "sincos": ("sinusoidal",),
    "sine": ("siren", "sinusoidal"),
    "priorprobability": ("logit",),
    "bilinearupsampling": ("bilinear",),
    "positionalencoding": ("sinusoidal",),
}

LOSSES: dict[str, tuple[str, ...]] = {
    "mae": ("l1_loss",),
    "l1": ("l1_loss",),
    "meanabsoluteerror": ("l1_loss",),
    "absoluteerror": ("l1_loss",),
    "mse": ("mse_loss",),
    "l2": ("mse_loss",),
    "meansquarederror": ("mse_loss",),
    "squarederror": ("mse_loss",),
    "brier": ("mse_loss",),
    "huber": ("huber_loss",),
    "smoothl1": ("smooth_l1_loss",),
    "logcosh": ("log_cosh_loss",),
    "quantile": ("quantile_loss",),
    "pinball": ("quantile_loss",),
    "bce": _BCE,
    "binarycrossentropy": _BCE,
    "log": _BCE,
    "logistic": ("binary_cross_entropy_with_logits",),
    "bcewithlogits": ("binary_cross_entropy_with_logits",),
    "sigmoidcrossentropy": ("binary_cross_entropy_with_logits",),
    "sigmoidbinarycrossentropy": ("binary_cross_entropy_with_logits",),
    "sigmoidcrossentropywithlogits": ("binary_cross_entropy_with_logits",),
    "ce": ("cross_entropy",),
    "xent": ("cross_entropy",),
    "softmax": ("cross_entropy",),
    "softmaxwith": ("cross_entropy",),
    "softmaxcrossentropy": ("cross_entropy",),
    "softmaxcrossentropywithintegerlabels": ("cross_entropy",),
    "softmaxcrossentropywithlogits": ("cross_entropy",),
    "sparsesoftmaxcrossentropywithlogits": ("cross_entropy",),
    "categoricalcrossentropy": ("cross_entropy",),
    "sparsecategoricalcrossentropy": ("cross_entropy",),
    "nll": ("nll_loss",),
    "negativeloglikelihood": ("nll_loss",),
    "kl": ("kl_div",),
    "kld": ("kl_div",),
    "kldiv": ("kl_div",),
    "kldivergence": ("kl_div",),
    "kullbackleibler": ("kl_div",),
    "kullbackleiblerdivergence": ("kl_div",),
    "poisson": ("poisson_nll_loss",),
    "ctc": ("ctc_loss",),
    "hinge": ("hinge_embedding_loss", "multi_margin_loss"),
    "categoricalhinge": ("multi_margin_loss",),
    "cosine": ("cosine_embedding_loss",),
    "cosinesimilarity": ("cosine_embedding_loss",),
    "triplet": ("triplet_margin_loss",),
    "dice": ("dice_loss",),
    "tversky": ("tversky_loss",),
    "focal": ("sigmoid_focal_loss",),
    "binaryfocal": ("sigmoid_focal_loss",),
    "binaryfocalcrossentropy": ("sigmoid_focal_loss",),
}

LAYERS: dict[str, tuple[str, ...]] = {
    "dense": ("Linear",),
    "densegeneral": ("Linear",),
    "fc": ("Linear",),
    "fullyconnected": ("Linear",),
    "innerproduct": ("Linear",),
    "einsumdense": ("Linear",),
    "conv": ("Conv2d",),
    "convolution": ("Conv2d",),
    **{f"convolution{n}d": (f"Conv{n}d",) for n in "123"},
    **{f"depthwiseconv{n}d": (f"Conv{n}d",) for n in "12"},
    **{f"separableconv{n}d": (f"Conv{n}d",) for n in "12"},
    **{f"conv{n}dtranspose": (f"ConvTranspose{n}d",) for n in "123"},
    **{f"deconv{n}d": (f"ConvTranspose{n}d",) for n in "123"},
    **{f"deconvolution{n}d": (f"ConvTranspose{n}d",) for n in "123"},
    **{f"maxpooling{n}d": (f"MaxPool{n}d",) for n in "123"},
    **{f"averagepooling{n}d": (f"AvgPool{n}d",) for n in "123"},
    **{f"globalaveragepooling{n}d": (f"AdaptiveAvgPool{n}d",) for n in "123"},
    **{f"globalmaxpooling{n}d": (f"AdaptiveMaxPool{n}d",) for n in "123"},
    **{f"zeropadding{n}d": (f"ZeroPad{n}d",) for n in "123"},
    **{f"spatialdropout{n}d": (f"Dropout{n}d",) for n in "123"},
    **{f"upsampling{n}d": ("Upsample",) for n in "123"},
    "batchnorm": ("BatchNorm1d", "BatchNorm2d"),
    "batchnormalization": ("BatchNorm1d", "BatchNorm2d"),
    "instancenorm": ("InstanceNorm1d", "InstanceNorm2d"),
    "instancenormalization": ("InstanceNorm1d", "InstanceNorm2d"),
    "layernormalization": ("LayerNorm",),
    "groupnormalization": ("GroupNorm",),
    "rmsnormalization": ("RMSNorm",),
    "embed": ("Embedding",),
    "simplernn": ("RNN",),
    "attention": ("MultiheadAttention",),
    "selfattention": ("MultiheadAttention",),
    "multiheaddotproductattention": ("MultiheadAttention",),
    "transformerblock": ("TransformerEncoderLayer",),
    "encoderlayer": ("TransformerEncoderLayer",),
    "decoderlayer": ("TransformerDecoderLayer",),
    "swish": ("SiLU",),
    "hardsilu": ("Hardswish",),
    "reshape": ("Unflatten", "Flatten"),
    "parameter": ("Tensor",),
    "weight": ("Tensor",),
}

OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "momentum": ("SGD",),
    "nesterov": ("SGD",),
    "gd": ("SGD",),
    "gradientdescent": ("SGD",),
    "weightedadam": ("AdamW",),
}

FIELDS: dict[str, tuple[str, ...]] = {
    "stddev": ("std",),
    "sigma": ("std",),
    "sd": ("std",),
    "loc": ("mean",),
    "mu": ("mean",),
    "minval": ("a",),
    "low": ("a",),
    "lower": ("a",),
    "min": ("a",),
    "maxval": ("b",),
    "high": ("b",),
    "upper": ("b",),
    "max": ("b",),
    "val": ("value",),
    "negativeslope": ("a",),
    "units": ("out_features",),
    "indim": ("in_features",),
    "outdim": ("out_features",),
    "filters": ("out_channels",),
    "strides": ("stride",),
    "usebias": ("bias",),
    "epsilon": ("eps",),
    "learningrate": ("lr",),
    "inputdim": ("num_embeddings", "in_features"),
    "outputdim": ("embedding_dim", "out_features"),
    "vocabsize": ("num_embeddings",),
    "kind": ("type",),
    "class": ("type",),
    "size": ("shape",),
    "initializer": ("init",),
    "kernelinitializer": ("init",),
}

_TABLES = {
    "scheme": SCHEMES,
    "loss": LOSSES,
    "layer type": LAYERS,
    "optimizer": OPTIMIZERS,
    "field": FIELDS,
    "parameter": FIELDS,
}
_ENDINGS = {"scheme": ("initializer", "init"), "loss": ("loss", "error"), "optimizer": ("optimizer",)}


def synonyms_of(word: str, name: str, valid: Collection[str]) -> list[str]:
    """What `name` is called here, of a `word` such as scheme or loss; nothing where no table has it.

    A qualifier in front, such as `tf.keras.losses.`, does not count.
    """
    table = _TABLES.get(word, {})
    plain = name.rpartition(".")[2].casefold().replace("_", "").replace("-", "").replace(" ", "")
    keys = [plain, *(plain.removesuffix(ending) for ending in _ENDINGS.get(word, ()))]
    found = next((table[key] for key in keys if key in table), ())
    return [known for known in found if known in valid or "." in known]
