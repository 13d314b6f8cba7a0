/** Things that arrive one after the other and can be awaited, also those that are here already. */
export class Arrivals<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  add(item: T): void {
    this.all.push(item);
    for (const look of this.#waiting) look();
  }

  /** The first that is `wanted`. @throws Error with what arrived instead */
  first(wanted: (item: T) => boolean, within_ms = 10_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.all.find(wanted);
        if (found === undefined) return;
        done();
        resolve(found);
      };
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`nothing of ${wanted} within ${within_ms} ms; there came ${JSON.stringify(this.all)}`));
      }, within_ms);
      this.#waiting.add(look);
      look();
    });
  }
}
