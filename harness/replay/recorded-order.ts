/** Which acts of a client overlapped, and how they can be taken apart into lists of steps that run side by side. */

import type { Act } from './recorded-acts.ts';
import type { Step } from './scenario.ts';

/** When what comes after an act can come: what only tells is accepted at once. */
export function goesOnAt({ at, told, isCut }: Act): number {
  return isCut || told.tells ? at : told.doneAt;
}

/** All that began while what began before it was still going on. */
export function overlapping(first: Act, later: readonly Act[]): Act[] {
  let end = first.told.doneAt;
  const group: Act[] = [];
  for (const act of later) {
    if (act.at >= end) break;
    group.push(act);
    end = Math.max(end, goesOnAt(act));
  }
  return group;
}

/** Lists of acts, each of which begins when the one before it is over. */
export function chainsOf(group: readonly Act[]): Act[][] {
  const chains: { acts: Act[]; doneAt: number }[] = [];
  for (const act of group) {
    const doneAt = goesOnAt(act);
    const free = chains.filter((chain) => chain.doneAt <= act.at).sort((one, other) => other.doneAt - one.doneAt);
    const own = act.isCut ? chains.find(({ acts }) => acts.some(({ told }) => told === act.told)) : undefined;
    const chain = own ?? free[0];
    if (chain) {
      chain.acts.push(act);
      chain.doneAt = Math.max(chain.doneAt, doneAt);
    } else chains.push({ acts: [act], doneAt });
  }
  return chains.map(({ acts }) => acts);
}

/** Whether lists of steps can run side by side: none needs what another brings, and no two read the same stream. */
export function areApart(branches: readonly (readonly Step[])[]): boolean {
  const uses = branches.map((steps) => {
    const text = JSON.stringify(steps);
    const sessions = (look: RegExp) => [...text.matchAll(look)].map(([, name]) => `session ${name}`);
    return {
      needs: new Set([...[...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name), ...sessions(/"session":"(\w+)"/g)]),
      brings: new Set([
        ...[...text.matchAll(/"\$capture":"(\w+)"/g)].map(([, name]) => name),
        ...sessions(/"use":"ready","as":"(\w+)"/g),
      ]),
      streams: new Set([...text.matchAll(/"(?:on|as|from|stream)":"(\w+)"/g)].map(([, name]) => name)),
    };
  });
  const meet = (one: Set<unknown>, other: Set<unknown>) => [...one].some((name) => other.has(name));
  return uses.every((one, index) =>
    uses.every(
      (other, place) => index === place || !(meet(one.needs, other.brings) || meet(one.streams, other.streams)),
    ),
  );
}
