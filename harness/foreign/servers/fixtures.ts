/** What the fixtures of the official suite and the tools of the load scripts say, the same in each of these servers. */

export { setTimeout as sleep } from 'node:timers/promises';

export const text = (words: string): { type: 'text'; text: string } => ({ type: 'text', text: words });

export const said = {
  text: text('This is a simple text response for testing.'),
  failure: text('This tool intentionally returns an error for testing'),
  progress: text('Tool with progress executed successfully'),
  logs: ['Tool execution started', 'Tool processing data', 'Tool execution completed'],
  logging: text('Tool with logging executed successfully'),
  changed: text('Announced a change'),
  reconnection: text('Reconnection test completed successfully'),
  counted: text('Lift-off'),
  user: (action: string | undefined, content: unknown) =>
    text(`User response: action=${action}, content=${JSON.stringify(content ?? {})}`),
  model: (content: unknown) => text(`LLM response: ${JSON.stringify(content)}`),
  resource: 'This is the content of the static text resource.',
  data: (id: string) => JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
  prompt: text('This is a simple prompt for testing.'),
  arguments: (arg1: string, arg2: string) => text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`),
};

/** The form of `test_elicitation`. */
export const user = {
  type: 'object' as const,
  properties: {
    username: { type: 'string' as const, description: "User's response" },
    email: { type: 'string' as const, description: "User's email address" },
  },
  required: ['username', 'email'],
};
