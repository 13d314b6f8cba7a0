/** The raw handler beside zod and one small schema: what start-up is compared with. */
import { z } from 'zod';
import raw from './raw.fetch.ts';

const schema = z.object({ text: z.string() });
schema.safeParse({ text: 'once' });

export default raw;
