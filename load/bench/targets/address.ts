/** Where a target listens: the bench picks a free loopback port and tells it in the environment. */
export const hostname = process.env.MCP_HOST ?? '127.0.0.1';
export const port = Number(process.env.MCP_PORT ?? 3000);
