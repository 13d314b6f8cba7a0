import { z } from 'zod';
import { type Tool, tool } from '../server/tool.ts';

export const echo: Tool = tool(
  'echo',
  {
    description: 'Returns the given text unchanged; shows that calls reach the server',
    inputSchema: z.object({ text: z.string().describe('The text to return') }),
    annotations: { readOnlyHint: true },
  },
  ({ text }) => text,
);
