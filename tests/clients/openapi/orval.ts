// The functions of orval, over a fetch that keeps bytes as bytes.
import { getWeightsByQuery, planWeights, postEvaluations, postLoss } from './generated/orval';
import { EVALUATION, LOSS, QUERY, SPEC, given, print, sha256 } from './requests';

async function main(): Promise<void> {
    const weights = await getWeightsByQuery(QUERY);
    const plan = await planWeights({ ...SPEC, layers: [...SPEC.layers] });
    const loss = await postLoss('cross_entropy', LOSS);
    const evaluation = await postEvaluations({
        ...EVALUATION,
        layers: [...EVALUATION.layers],
        input: { ...EVALUATION.input, shape: [...EVALUATION.input.shape] },
    });
    if (weights.status !== 200 || plan.status !== 200 || loss.status !== 200 || evaluation.status !== 200) {
        throw new Error('a request was refused');
    }
    const bytes = weights.data instanceof Blob ? await weights.data.arrayBuffer() : null;
    print({
        weights: sha256(given(bytes, 'bytes')),
        plan: plan.data.etag,
        loss: typeof loss.data === 'object' && 'loss' in loss.data ? loss.data.loss : null,
        evaluation:
            typeof evaluation.data === 'object' && 'loss' in evaluation.data ? evaluation.data.loss : null,
    });
}

void main();
