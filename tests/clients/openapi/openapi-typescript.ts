// openapi-fetch with the types of openapi-typescript.
import createClient from 'openapi-fetch';
import type { paths } from './generated/openapi-typescript';
import { EVALUATION, LOSS, QUERY, SPEC, given, print, sha256 } from './requests';

async function main(baseUrl: string): Promise<void> {
    const client = createClient<paths>({ baseUrl });
    const weights = await client.GET('/v1/weights', { params: { query: QUERY }, parseAs: 'arrayBuffer' });
    const plan = await client.POST('/v1/weights/plan', { body: { ...SPEC, layers: [...SPEC.layers] } });
    const loss = await client.POST('/v1/losses/{kind}', {
        params: { path: { kind: 'cross_entropy' } },
        body: LOSS,
        headers: { Accept: 'application/json' },
    });
    const evaluation = await client.POST('/v1/evaluations', {
        body: {
            ...EVALUATION,
            layers: [...EVALUATION.layers],
            input: { ...EVALUATION.input, shape: [...EVALUATION.input.shape] },
        },
    });
    const value = given(loss.data, 'loss');
    const report = given(evaluation.data, 'evaluation');
    print({
        weights: sha256(given(weights.data, 'weights')),
        plan: given(plan.data, 'plan').etag,
        loss: typeof value === 'object' && 'loss' in value ? value.loss : null,
        evaluation: typeof report === 'object' && 'loss' in report ? report.loss : null,
    });
}

void main(given(process.argv[2], 'address'));
