// The SDK of @hey-api/openapi-ts.
import { client } from './generated/hey-api/client.gen';
import { getWeightsByQuery, planWeights, postEvaluations, postLoss } from './generated/hey-api';
import { EVALUATION, LOSS, QUERY, SPEC, given, print, sha256 } from './requests';

async function main(baseUrl: string): Promise<void> {
    client.setConfig({ baseUrl });
    const weights = await getWeightsByQuery({ query: QUERY, parseAs: 'arrayBuffer' });
    const plan = await planWeights({ body: { ...SPEC, layers: [...SPEC.layers] } });
    const loss = await postLoss({ path: { kind: 'cross_entropy' }, body: LOSS });
    const evaluation = await postEvaluations({
        body: {
            ...EVALUATION,
            layers: [...EVALUATION.layers],
            input: { ...EVALUATION.input, shape: [...EVALUATION.input.shape] },
        },
    });
    const value = given(loss.data, 'loss');
    const report = given(evaluation.data, 'evaluation');
    print({
        weights: sha256(given(weights.data, 'weights') as unknown as ArrayBuffer),
        plan: given(plan.data, 'plan').etag,
        loss: typeof value === 'object' && 'loss' in value ? value.loss : null,
        evaluation: typeof report === 'object' && 'loss' in report ? report.loss : null,
    });
}

void main(given(process.argv[2], 'address'));
