/** The fixtures of 2026-07-28 that ask for something and are called again with the answer, on the official SDK, version 2. */

import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  type InputRequests,
  inputRequired,
  inputResponse,
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { text } from './fixtures.ts';

/** What is to be carried from round to round; the server looks at its seal before any tool does. */
export const state = createRequestStateCodec<{ of: string; name?: string }>({
  key: crypto.getRandomValues(new Uint8Array(32)),
});

const named = z.object({ name: z.string() });
const confirmed = z.object({ ok: z.boolean() });

const askName = () => inputRequired.elicit({ message: 'What is your name?', requestedSchema: named });
const askModel = (words: string, maxTokens: number) =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: text(words) }], maxTokens });
const askOk = () => inputRequired.elicit({ message: 'Please confirm', requestedSchema: confirmed });

/** The package leaves this member out of its type. */
interface Envelope {
  [CLIENT_CAPABILITIES_META_KEY]?: { elicitation?: object; sampling?: object };
}

export function registerRounds(server: McpServer): void {
  server.registerTool(
    'test_input_required_result_elicitation',
    { description: 'Asks the user for a name' },
    ({ mcpReq: { inputResponses } }) => {
      const view = inputResponse(inputResponses, 'user_name');
      if (view.kind === 'elicit' && view.action !== 'accept') return { content: [text(`No name: ${view.action}`)] };
      const answer = acceptedContent(inputResponses, 'user_name', named);
      if (!answer) return inputRequired({ inputRequests: { user_name: askName() } });
      return { content: [text(`Hello, ${answer.name}!`)] };
    },
  );

  server.registerTool(
    'test_input_required_result_sampling',
    { description: "Puts a question to the client's model" },
    ({ mcpReq: { inputResponses } }) => {
      const answer = inputResponse(inputResponses, 'capital_question');
      if (answer.kind !== 'sampling')
        return inputRequired({ inputRequests: { capital_question: askModel('What is the capital of France?', 100) } });
      return { content: [text(`LLM response: ${JSON.stringify(answer.result.content)}`)] };
    },
  );

  server.registerTool(
    'test_input_required_result_list_roots',
    { description: 'Asks which folders the client works in' },
    ({ mcpReq: { inputResponses } }) => {
      const answer = inputResponse(inputResponses, 'client_roots');
      if (answer.kind !== 'roots') return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
      return { content: [text(`Roots: ${answer.roots.map(({ uri }) => uri).join(', ')}`)] };
    },
  );

  server.registerTool(
    'test_input_required_result_multiple_inputs',
    { description: 'Asks for a name, a greeting of the model and the roots in one round' },
    async ({ mcpReq: { inputResponses } }) => {
      const user = acceptedContent(inputResponses, 'user_name', named);
      const greeting = inputResponse(inputResponses, 'greeting');
      const roots = inputResponse(inputResponses, 'client_roots');
      if (user && greeting.kind === 'sampling' && roots.kind === 'roots')
        return {
          content: [text(`${JSON.stringify(greeting.result.content)} ${user.name}, ${roots.roots.length} roots`)],
        };
      return inputRequired({
        inputRequests: {
          user_name: askName(),
          greeting: askModel('Generate a greeting', 50),
          client_roots: inputRequired.listRoots(),
        },
        requestState: await state.mint({ of: 'multiple_inputs' }),
      });
    },
  );

  for (const name of ['request_state', 'tampered_state']) {
    server.registerTool(
      `test_input_required_result_${name}`,
      { description: 'Asks for a confirmation and needs its state back with it' },
      async ({ mcpReq: { inputResponses, requestState } }) => {
        const answer = acceptedContent(inputResponses, 'confirm', confirmed);
        const own = requestState<{ of: string }>()?.of;
        if (own !== undefined && own !== name)
          throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'This requestState is of another tool');
        if (answer && own !== undefined) return { content: [text(`state-ok: ${answer.ok}`)] };
        return inputRequired({ inputRequests: { confirm: askOk() }, requestState: await state.mint({ of: name }) });
      },
    );
  }

  server.registerTool(
    'test_input_required_result_multi_round',
    { description: 'Asks for a name, and once it has that, for a color' },
    async ({ mcpReq: { inputResponses, requestState } }) => {
      const known = requestState<{ name?: string }>()?.name;
      const name = known ?? acceptedContent(inputResponses, 'step1', named)?.name;
      if (name === undefined)
        return inputRequired({
          inputRequests: { step1: askName() },
          requestState: await state.mint({ of: 'multi_round' }),
        });
      const requestedSchema = z.object({ color: z.string() });
      const color = acceptedContent(inputResponses, 'step2', requestedSchema)?.color;
      if (color !== undefined) return { content: [text(`${name} likes ${color}`)] };
      const step2 = inputRequired.elicit({ message: 'What is your favorite color?', requestedSchema });
      return inputRequired({ inputRequests: { step2 }, requestState: await state.mint({ of: 'multi_round', name }) });
    },
  );

  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Asks only what the client declared that it can be asked' },
    ({ mcpReq: { inputResponses, envelope } }) => {
      if (inputResponses !== undefined) return { content: [text('Answered')] };
      const { elicitation, sampling } = (envelope as Envelope | undefined)?.[CLIENT_CAPABILITIES_META_KEY] ?? {};
      const inputRequests: InputRequests = {
        ...(elicitation !== undefined && { user_name: askName() }),
        ...(sampling !== undefined && { capital_question: askModel('What is the capital of France?', 100) }),
      };
      if (Object.keys(inputRequests).length === 0) return { content: [text('The client cannot be asked')] };
      return inputRequired({ inputRequests });
    },
  );

  server.registerTool(
    'test_missing_capability',
    { description: 'Serves only clients that declare sampling' },
    ({ mcpReq: { inputResponses } }) => {
      if (inputResponses?.answer !== undefined) return { content: [text('The client declared sampling')] };
      return inputRequired({ inputRequests: { answer: askModel('Say pong', 16) } });
    },
  );
}
