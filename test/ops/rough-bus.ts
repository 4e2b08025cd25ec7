import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bus, type BusEvent, type BusListener } from '../../src/push/bus/bus';

/** A bus on which every publisher has its own delays, and which loses what it is told to lose. */
export class RoughBus implements Bus {
  static all: RoughBus[] = [];
  readonly id = randomUUID();
  readonly description = 'rough';
  readonly shared = true;
  readonly healthy = true;
  losing = false;
  private readonly listeners: Partial<BusListener>[] = [];
  private readonly last = new Map<RoughBus, Promise<unknown>>();

  constructor() {
    RoughBus.all.push(this);
  }

  publish(event: BusEvent): void {
    const text = JSON.stringify(event);
    for (const other of RoughBus.all) {
      if (other === this) continue;
      const delay = Math.random() < 0.5 ? 0 : Math.random() * 25;
      const before = this.last.get(other) ?? Promise.resolve();
      const arrived = Promise.all([before, sleep(delay)]).then(() => {
        if (this.losing) return;
        for (const listener of other.listeners) listener.event?.(JSON.parse(text) as BusEvent, this.id);
      });
      this.last.set(other, arrived);
    }
  }

  heard(): Promise<void> {
    return Promise.resolve();
  }

  /** Loses everything for a while, and then says so. */
  async lose(ms: number): Promise<void> {
    this.losing = true;
    await sleep(ms);
    this.losing = false;
    for (const other of RoughBus.all) {
      if (other !== this) for (const listener of other.listeners) listener.missed?.(this.id);
    }
  }

  listen(listener: Partial<BusListener>): void {
    this.listeners.push(listener);
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  ping(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    RoughBus.all = RoughBus.all.filter((each) => each !== this);
    return Promise.resolve();
  }
}
