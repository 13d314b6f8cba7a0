import { z } from 'zod';
import { type Principal, type Tool, ToolError, tool } from '../server/tool.ts';

/** What a token must hold for it. */
const SCOPE = 'account:write';

export const account: Tool = tool(
  'sensitive_operation',
  {
    description: `Works on data in the caller's name and answers who performed it; needs the scope ${SCOPE}`,
    inputSchema: z.object({ data: z.string().min(1).max(10_000).describe('What to work on') }),
    annotations: { destructiveHint: true },
    scopes: [SCOPE],
  },
  (_input, { principal }) => {
    if (!principal) throw new ToolError('Nobody is signed in');
    return `Operation performed by ${nameOf(principal)}`;
  },
);

/** Issuers name people in one claim or another (OpenID Connect, 5.1); `sub` is always there. */
function nameOf({ claims, subject }: Principal): string {
  const name = [claims.username, claims.preferred_username].find((claim) => typeof claim === 'string');
  return (name as string | undefined) ?? subject;
}
