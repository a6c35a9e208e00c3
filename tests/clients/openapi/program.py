"""Requests by the client that openapi-python-client generates."""

from __future__ import annotations

import hashlib
import json
import sys

from tensorseed_client import AuthenticatedClient
from tensorseed_client.api.evaluations import post_evaluations
from tensorseed_client.api.losses import post_loss
from tensorseed_client.api.weights import get_weights_by_query, plan_weights
from tensorseed_client.models import (
    EvaluationReport,
    EvaluationRequest,
    GetWeightsByQueryInitType0,
    LossAnswer,
    LossRequest,
    Plan,
    PostLossKind,
    Spec,
)
from tensorseed_client.types import File

requests = json.loads(sys.argv[2])
with AuthenticatedClient(base_url=sys.argv[1], token="none") as client:
    weights = get_weights_by_query.sync(
        client=client, shape="256,784", init=GetWeightsByQueryInitType0.XAVIER_UNIFORM, seed=42
    )
    plan = plan_weights.sync(client=client, body=Spec.from_dict(requests["spec"]))
    loss = post_loss.sync(
        PostLossKind.CROSS_ENTROPY, client=client, body=LossRequest.from_dict(requests["loss"])
    )
    evaluation = post_evaluations.sync(
        client=client, body=EvaluationRequest.from_dict(requests["evaluation"])
    )
assert isinstance(weights, File)
assert isinstance(plan, Plan)
assert isinstance(loss, LossAnswer)
assert isinstance(evaluation, EvaluationReport)
found = {
    "weights": hashlib.sha256(weights.payload.read()).hexdigest(),
    "plan": plan.etag,
    "loss": loss.loss,
    "evaluation": evaluation.loss,
}
print(json.dumps(found))
