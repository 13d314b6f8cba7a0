// Checks and groups as k6's summary shows them.

import { createHash } from 'node:crypto';

export type CheckResult = { name: string; path: string; id: string; passes: number; fails: number };
export type Group = { name: string; path: string; id: string; groups: Group[]; checks: CheckResult[] };

const idOf = (path: string): string => createHash('md5').update(path).digest('hex');

const newGroup = (name: string, path: string): Group => ({ name, path, id: idOf(path), groups: [], checks: [] });

/** All checks of a run, by group. */
export class Checks {
  readonly root = newGroup('', '');
  readonly #groups = new Map<string, Group>([['', this.root]]);
  readonly #checks = new Map<string, CheckResult>();

  /** The group at `path` (`::a::b`), made with its parents when it is new. */
  group(path: string): Group {
    const known = this.#groups.get(path);
    if (known !== undefined) return known;
    const cut = path.lastIndexOf('::');
    const made = newGroup(path.slice(cut + 2), path);
    this.group(path.slice(0, cut)).groups.push(made);
    this.#groups.set(path, made);
    return made;
  }

  count(group: string, name: string, passed: boolean): void {
    const path = `${group}::${name}`;
    let check = this.#checks.get(path);
    if (check === undefined) {
      check = { name, path, id: idOf(path), passes: 0, fails: 0 };
      this.#checks.set(path, check);
      this.group(group).checks.push(check);
    }
    if (passed) check.passes++;
    else check.fails++;
  }
}
