/**
 * Servers that are wrong: each wraps a correct handler and breaks one rule on the wire. A scenario that none of them turns
 * red tests nothing.
 */

import { AUTHORIZATION } from './authorization.ts';
import { FEATURES } from './features.ts';
import { FIRST } from './first.ts';
import { LIMITS } from './limits.ts';
import { MESSAGES } from './messages.ts';
import type { Mutant } from './mutate.ts';
import { STATELESS } from './stateless.ts';
import { STREAMS } from './streams.ts';
import { TRANSPORT } from './transport.ts';

/** Mutants, and the scenarios that are about what they break: those are asked first. */
export const AREAS: readonly { readonly mutants: readonly Mutant[]; readonly scenarios: string }[] = [
  { mutants: FIRST, scenarios: '*' },
  { mutants: FEATURES, scenarios: 'tools.*,lists.*,resources.*,prompts.*,completion.*' },
  {
    mutants: STREAMS,
    scenarios:
      'stream.*,get.*,progress.*,logging.*,cancel.*,elicitation.*,sampling.*,roots.*,subscribe.*,changed.*,heartbeat.*,slow.*,nodes.*',
  },
  {
    mutants: TRANSPORT,
    scenarios:
      'lifecycle.*,version.*,session.*,post.*,method.*,origin.*,host.*,cors.*,rpc.*,body.*,batch.*,isolation.*,concurrency.*',
  },
  {
    mutants: STATELESS,
    scenarios: 'stateless.*,discover.*,headers.*,param-header.*,listen.*,ask.*,caching.*,era.*,log.*,task.*',
  },
  {
    mutants: MESSAGES,
    scenarios:
      'tools.*,resources.*,prompts.*,completion.*,lifecycle.*,discover.*,elicitation.*,sampling.*,ask.*,listen.*,progress.*,logging.*,task.*,stateless.m*,changed.*,subscribe.*',
  },
  { mutants: AUTHORIZATION, scenarios: 'auth.*,scope.*,principal.*' },
  { mutants: LIMITS, scenarios: 'limit.*,probe.*,drain.*' },
];

export const MUTANTS: readonly Mutant[] = AREAS.flatMap(({ mutants }) => mutants);
