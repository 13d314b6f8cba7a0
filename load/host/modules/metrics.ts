import type { Host } from '../host.ts';
import type { Contains, Metric, MetricType } from '../metrics.ts';
import { textTags, type VirtualUser } from '../vu.ts';

/** The module `k6/metrics` of one VU. */
export function metricsModule(host: Host, vu: VirtualUser) {
  const kind = (type: MetricType) =>
    class {
      readonly name: string;
      readonly #metric: Metric;

      constructor(name: string, isTime = false) {
        if (!vu.initializing) throw new Error('metrics must be declared in the init context');
        const contains: Contains = isTime ? 'time' : 'default';
        this.name = name;
        this.#metric = host.metrics.declare(name, type, contains);
      }

      add(value: unknown, tags?: object): boolean {
        if (vu.initializing) throw new Error('Adding to metrics in the init context is not supported');
        const number = typeof value === 'boolean' ? Number(value) : Number.parseFloat(String(value));
        if (Number.isNaN(number)) {
          host.log.limited(
            'warning',
            `bad value for ${this.name}`,
            `'${String(value)}' is an invalid value for metric '${this.name}', a number or a boolean value is expected`,
          );
          return false;
        }
        if (!vu.live) return false;
        const counted = type === 'rate' ? Number(number !== 0) : number;
        host.metrics.add(
          this.#metric,
          counted,
          tags === undefined || tags === null ? vu.tags : { ...vu.tags, ...textTags(tags) },
        );
        return true;
      }
    };
  return { Counter: kind('counter'), Gauge: kind('gauge'), Rate: kind('rate'), Trend: kind('trend') };
}
