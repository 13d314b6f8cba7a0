import { type Host, refuse } from '../host.ts';
import { missing } from '../refusal.ts';
import { textTags, type VirtualUser } from '../vu.ts';

const asyncFunction = (async () => {}).constructor;

/** The module `k6` of one VU. */
export function k6Module(host: Host, vu: VirtualUser) {
  const checks = host.metrics.get('checks');
  const groupDuration = host.metrics.get('group_duration');
  return {
    check(value: unknown, conditions: Record<string, unknown>, tags: object = {}): boolean {
      if (vu.initializing) throw new Error('Using check() in the init context is not supported');
      let all = true;
      for (const [name, condition] of Object.entries(conditions)) {
        if (condition instanceof asyncFunction)
          throw new TypeError('check() does not support async functions as arguments');
        if (name.includes('::')) throw new Error('group and check names may not contain "::"');
        let thrown: { error: unknown } | undefined;
        let passed = false;
        try {
          passed = Boolean(typeof condition === 'function' ? condition(value) : condition);
        } catch (error) {
          thrown = { error };
        }
        host.checks.count(vu.group, name, passed);
        if (vu.live) host.metrics.add(checks, passed ? 1 : 0, { ...vu.tags, ...textTags(tags), check: name });
        if (thrown !== undefined) throw thrown.error;
        all &&= passed;
      }
      return all;
    },
    fail(message: unknown = ''): never {
      throw new Error(String(message));
    },
    group(name: string, body: () => unknown): unknown {
      if (vu.initializing) throw new Error('Using group() in the init context is not supported');
      if (body instanceof asyncFunction) refuse(host, missing('group() with an async function'));
      if (name.includes('::')) throw new Error('group and check names may not contain "::"');
      const outer = vu.group;
      vu.group = `${outer}::${name}`;
      host.checks.group(vu.group);
      const startedAt = performance.now();
      try {
        return body();
      } finally {
        if (vu.live) host.metrics.add(groupDuration, performance.now() - startedAt, vu.tags);
        vu.group = outer;
      }
    },
  };
}
