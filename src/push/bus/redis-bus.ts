import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Redis } from 'ioredis';
import { describeError, log } from '../../logger';
import { type Bus, type BusEvent, type BusListener } from './bus';
import { BusBeats } from './bus-beats';
import { BusOutbox } from './bus-outbox';
import { type Arrival, BusPeers } from './bus-peers';
import { type BusQuestion, BusQuestions } from './bus-questions';
import { eventsIn, MARK, partsOf } from './bus-text';
import { connectRedis, databaseNumber, describeRedis, redisFault } from './redis';

export interface RedisBusOptions {
  url: string;
  /** How often each process says that it is there, ms. */
  beatMs?: number;
  /** How long `start` waits for Redis, ms. */
  startLimitMs?: number;
}

const BEAT_MS = 1_000;
/** Own beats that may be on their way through Redis; with more it is away, or frozen. */
const UNANSWERED_BEATS = 3;
/** A process of which nothing was heard for so many beats is dead. */
const SILENT_BEATS = 15;
/** While Redis is away, connections that are neither refused nor answered are made anew after so many beats. */
const STUCK_BEATS = 10;
const START_LIMIT_MS = 3_000;
const PEERS_LIMIT_MS = 1_000;
const CLOSE_LIMIT_MS = 500;

/**
 * The bus over Redis's publish and subscribe (https://redis.io/docs/latest/develop/pubsub/), which delivers at most once:
 * one channel for all processes and one for each. A text is `<process> <number> <JSON array of events>`, or, instead of
 * the array, a mark. Every beat comes back to its sender, so a process knows whether both its connections work, also when
 * Redis is there but frozen (see `BusBeats`); and the numbers tell everybody what was lost.
 */
export class RedisBus implements Bus {
  readonly shared = true;
  readonly description: string;
  /** For commands; the other connection can do nothing but listen. */
  readonly commands: Redis;
  readonly #subscriber: Redis;
  readonly #id = randomUUID();
  readonly #channel: string;
  readonly #ownChannel: string;
  readonly #listeners: Partial<BusListener>[] = [];
  readonly #peers = new BusPeers(SILENT_BEATS);
  readonly #beats = new BusBeats(this.#id);
  readonly #outbox: BusOutbox;
  readonly #questions = new BusQuestions();
  readonly #timer: NodeJS.Timeout;
  readonly #startLimitMs: number;
  #healthy = false;
  /** Before the start's end nothing is logged: whoever starts the server says how it went. */
  #started = false;
  #warned = false;
  #closed = false;
  /** Why it is away, where Redis or the system said so. */
  #fault: string | undefined;
  #subscribed = false;
  #lastBatch = 0;
  #beatsAway = 0;

  constructor({ url, beatMs = BEAT_MS, startLimitMs = START_LIMIT_MS }: RedisBusOptions) {
    this.#startLimitMs = startLimitMs;
    this.description = describeRedis(url);
    // Databases of one Redis share their channels.
    this.#channel = `im:${databaseNumber(url)}:events`;
    this.#ownChannel = `${this.#channel}:${this.#id}`;
    this.#outbox = new BusOutbox({
      send: (to, batch) => this.#send(to, batch),
      lost: () => {
        this.#lastBatch += 1;
      },
    });
    this.commands = this.#connection(url);
    this.#subscriber = this.#connection(url);
    this.commands.on('ready', () => this.#beat());
    this.#subscriber.on('ready', () => void this.#subscribe());
    this.#subscriber.on('message', (channel: string, text: string) => this.#receive(channel, text));
    this.#timer = setInterval(() => this.#tick(), beatMs);
    this.#timer.unref();
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  publish(event: BusEvent | BusQuestion, to?: string): void {
    if (this.#healthy) this.#outbox.add(JSON.stringify(event), to);
    else if (to === undefined) this.#lastBatch += 1;
  }

  async heard(limitMs: number): Promise<void> {
    const others = this.#peers.ids;
    if (!this.#healthy || others.length === 0) return;
    const { answered, number } = this.#questions.ask(others, limitMs);
    this.publish({ kind: 'heard?', number });
    await answered;
  }

  listen(listener: Partial<BusListener>): void {
    this.#listeners.push(listener);
  }

  async start(): Promise<void> {
    const giveUp = performance.now() + this.#startLimitMs;
    while (!this.#healthy && !this.#closed && performance.now() < giveUp) await sleep(10);
    this.#started = true;
    this.#warned = !this.#healthy;
    if (!this.#healthy) return;
    const others = await this.commands
      .pubsub('NUMSUB', this.#channel)
      .then(([, count]) => Number(count) - 1)
      .catch(() => 0);
    const wait = performance.now() + PEERS_LIMIT_MS;
    while (this.#peers.ids.length < others && performance.now() < wait) await sleep(10);
  }

  async ping(): Promise<void> {
    if (!this.#healthy) throw new Error('Redis is away');
    await this.commands.ping();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#outbox.flush();
    const giveUp = performance.now() + CLOSE_LIMIT_MS;
    while (this.#healthy && !this.#outbox.idle && performance.now() < giveUp) await sleep(5);
    if (this.#healthy) await Promise.race([this.#tell(MARK.bye), sleep(CLOSE_LIMIT_MS)]);
    this.#healthy = false;
    for (const connection of [this.commands, this.#subscriber]) connection.disconnect();
  }

  #connection(url: string): Redis {
    const connection = connectRedis(url);
    connection.on('error', (error) => {
      this.#fault = redisFault(error);
      if (connection.status !== 'ready') this.#away(this.#fault);
    });
    connection.on('close', () => this.#away(this.#fault ?? 'the connection was closed'));
    return connection;
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#subscriber.subscribe(this.#channel, this.#ownChannel);
      this.#subscribed = true;
      this.#beat();
    } catch (error) {
      this.#fault = redisFault(error);
      this.#subscriber.disconnect(true);
    }
  }

  #away(why: string): void {
    this.#healthy = false;
    if (this.#closed) return;
    if (this.#subscriber.status !== 'ready') this.#subscribed = false;
    this.#beats.doubt();
    this.#outbox.clear();
    if (this.#warned || !this.#started) return;
    this.#warned = true;
    log.warn(`Redis (${this.description}) is away, ${why}: this process hears of no other until it is back`);
  }

  #back(): void {
    this.#healthy = true;
    this.#beatsAway = 0;
    this.#fault = undefined;
    if (this.#warned) log.info(`Redis (${this.description}) is back`);
    this.#warned = false;
    void this.#tell(MARK.hello);
    for (const listener of this.#listeners) listener.missed?.();
  }

  #tick(): void {
    for (const id of this.#peers.tick()) this.#gone(id);
    // Beats are counted instead of time: after a long pause of this process, answers wait that it has not read yet.
    if (this.#healthy && this.#beats.unanswered > UNANSWERED_BEATS) this.#away(this.#fault ?? 'no answer');
    if (!this.#healthy && ++this.#beatsAway % STUCK_BEATS === 0) this.#connectAnew();
    else this.#beat();
  }

  #gone(id: string): void {
    this.#beats.forget(id);
    this.#questions.forget(id);
    for (const listener of this.#listeners) listener.gone?.(id);
  }

  #connectAnew(): void {
    for (const connection of [this.commands, this.#subscriber]) {
      if (connection.status === 'end') void connection.connect().catch(() => undefined);
      else if (connection.status === 'ready' || connection.status === 'connect') connection.disconnect(true);
    }
    // What a connection still answers while it closes does not mean that Redis is back.
    this.#beats.doubt();
  }

  #beat(): void {
    if (!this.#subscribed || this.commands.status !== 'ready' || this.#closed) return;
    void this.#tell(`${MARK.beat}${this.#beats.next()}`);
    void this.#askPrimary(this.#beats.sent);
  }

  /** The primary alone passes on to everybody. Where ROLE is forbidden or unknown, Redis is taken for it. */
  async #askPrimary(beat: number): Promise<void> {
    try {
      const [role] = await this.commands.role();
      if (role !== 'master') {
        this.#fault = `it is no primary (${String(role)})`;
        return;
      }
    } catch (error) {
      if (!['ERR', 'NOPERM'].includes(redisFault(error))) return;
    }
    this.#beats.confirmed(beat);
    this.#answered();
  }

  #tell(mark: string): Promise<unknown> {
    return this.#publish(this.#channel, `${this.#id} ${this.#lastBatch} ${mark}`);
  }

  #send(to: string | undefined, batch: string): Promise<unknown> {
    if (to !== undefined) return this.#publish(`${this.#channel}:${to}`, `${this.#id} 0 ${batch}`);
    this.#lastBatch += 1;
    return this.#publish(this.#channel, `${this.#id} ${this.#lastBatch} ${batch}`);
  }

  async #publish(channel: string, text: string): Promise<void> {
    // Beats that don't come back tell the rest.
    await this.commands.publish(channel, text).catch((error: unknown) => (this.#fault = redisFault(error)));
  }

  #receive(channel: string, text: string): void {
    const [from, number, body] = partsOf(text);
    if (from === this.#id) {
      if (body.startsWith(MARK.beat)) this.#beats.returned(body.slice(1));
      this.#answered();
      return;
    }
    if (channel === this.#ownChannel) {
      this.#deliver(from, body);
      return;
    }
    switch (body.slice(0, 1)) {
      case MARK.bye:
        if (this.#peers.leave(from)) this.#gone(from);
        break;
      case MARK.hello:
        this.#beat();
        this.#heard(from, this.#peers.beat(from, Number(number)));
        break;
      case MARK.beat:
        this.#beats.heard(from, body.slice(1));
        this.#answered();
        this.#heard(from, this.#peers.beat(from, Number(number)));
        break;
      case '[': {
        const arrival = this.#peers.batch(from, Number(number));
        if (arrival === 'old') break;
        this.#heard(from, arrival);
        this.#deliver(from, body);
        break;
      }
    }
  }

  #answered(): void {
    if (!this.#healthy && !this.#closed && this.#beats.proven) this.#back();
  }

  #heard(from: string, arrival: Arrival): void {
    if (arrival === 'after a gap') for (const listener of this.#listeners) listener.missed?.(from);
  }

  #deliver(from: string, batch: string): void {
    for (const event of eventsIn(batch)) {
      if (event.kind === 'heard?') {
        this.publish({ kind: 'heard', number: event.number }, from);
        continue;
      }
      if (event.kind === 'heard') {
        this.#questions.answer(from, event.number);
        continue;
      }
      for (const listener of this.#listeners) {
        try {
          listener.event?.(event, from);
        } catch (error) {
          log.error(`an event of the bus could not be handled: ${describeError(error)}`);
        }
      }
    }
  }
}
