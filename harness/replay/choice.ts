/** What a command line chooses of the scenarios and revisions, and its numbers. */

import { ownScenarios } from './bundled.ts';
import { globOf } from './glob.ts';
import { readScenarios } from './read.ts';
import { REVISIONS, type Revision, type Scenario } from './scenario.ts';
import { Usage } from './usage.ts';

/** @param paths files and folders; none: the harness's own @param only patterns of ids @throws BadFile */
export function scenariosOf(paths: readonly string[], only: string | undefined): Scenario[] {
  const pattern = only === undefined ? undefined : globOf(only);
  const all = paths.length > 0 ? readScenarios(paths) : ownScenarios();
  return all.filter(({ id }) => pattern?.test(id) ?? true);
}

/** @param given names with commas between; default: all that are known @throws Usage */
export function revisionsOf(given: string | undefined): Revision[] {
  if (given === undefined) return [...REVISIONS];
  return given.split(',').map((name) => {
    const found = REVISIONS.find((revision) => revision === name.trim());
    if (!found) throw new Usage(`--revision must be any of ${REVISIONS.join(', ')}, got "${name}"`);
    return found;
  });
}

/** @throws Usage */
export function numberOf(option: string, given: string, least: number): number {
  const value = Number(given);
  if (!(value >= least)) throw new Usage(`--${option} must be a number of at least ${least}, got "${given}"`);
  return value;
}
