module.exports = {
    service: {
        input: './openapi.json',
        output: {
            target: './generated/orval.ts',
            client: 'fetch',
            override: { mutator: { path: './fetcher.ts', name: 'fetcher' } },
        },
    },
};
