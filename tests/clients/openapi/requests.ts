// What every client asks for, and what it prints of the answers.
import { createHash } from 'node:crypto';

export const QUERY = { shape: '256,784', init: 'xavier_uniform', seed: 42 } as const;

export const SPEC = {
    seed: 42,
    layers: [{ name: 'fc', type: 'Linear', in_features: 784, out_features: 256, init: { bias: 'zeros' } }],
} as const;

export const LOSS = { input: [[1.0, 2.0, 0.5]], target: [1], gradients: ['input'] };

export const EVALUATION = {
    seed: 42,
    layers: [
        { name: 'fc1', type: 'Linear', in_features: 8, out_features: 16, init: 'kaiming_normal' },
        { type: 'ReLU' },
        { name: 'fc2', type: 'Linear', in_features: 16, out_features: 4 },
    ],
    input: { shape: [16, 8], init: 'normal' },
    target: { classes: 4 },
    loss: 'cross_entropy',
    optimizer: { kind: 'SGD', lr: 0.1 },
    steps: 2,
} as const;

export function sha256(bytes: ArrayBuffer): string {
    return createHash('sha256').update(Buffer.from(bytes)).digest('hex');
}

export function print(found: { weights: string; plan: string; loss: unknown; evaluation: unknown }): void {
    console.log(JSON.stringify(found));
}

/** The value, unless there is none. */
export function given<T>(value: T | undefined | null, what: string): T {
    if (value === undefined || value === null) {
        throw new Error(`no ${what}`);
    }
    return value;
}
