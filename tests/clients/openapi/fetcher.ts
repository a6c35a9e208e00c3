// What orval's functions send requests by: the body is read as its Content-Type says.
export async function fetcher<T>(path: string, options: RequestInit): Promise<T> {
    const answer = await fetch(`${process.argv[2]}${path}`, options);
    const json = answer.headers.get('content-type')?.includes('json') ?? false;
    const data: unknown = json ? await answer.json() : await answer.blob();
    return { data, status: answer.status, headers: answer.headers } as T;
}
