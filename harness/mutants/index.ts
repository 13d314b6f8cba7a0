/**
 * Servers that are wrong: each wraps a correct handler and breaks one rule on the wire. A scenario that none of them turns
 * red tests nothing.
 */

import { FEATURES } from './features.ts';
import { FIRST } from './first.ts';
import type { Mutant } from './mutate.ts';
import { STATELESS } from './stateless.ts';
import { STREAMS } from './streams.ts';

export const MUTANTS: readonly Mutant[] = [...FIRST, ...FEATURES, ...STATELESS, ...STREAMS];
