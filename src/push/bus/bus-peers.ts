interface Peer {
  /** The number of the last batch that came, or of which a later one told. */
  lastBatch: number;
  silentBeats: number;
}

/** What a batch's number says. */
export type Arrival = 'next' | 'after a gap' | 'old';

/**
 * The other processes on the bus. Each numbers its batches from 1, lost ones too, and names its latest number in every
 * beat: so whoever listens knows what it missed.
 */
export class BusPeers {
  readonly #peers = new Map<string, Peer>();

  /** @param silence so many beats without a word from a process make it `gone` */
  constructor(private readonly silence: number) {}

  get ids(): readonly string[] {
    return [...this.#peers.keys()];
  }

  /** A batch of the process has come. What it published before it was met counts as missed. */
  batch(from: string, number: number): Arrival {
    const peer = this.#heard(from);
    if (number <= peer.lastBatch) return 'old';
    const arrival = number === peer.lastBatch + 1 ? 'next' : 'after a gap';
    peer.lastBatch = number;
    return arrival;
  }

  /** The process says that its latest batch has this number. */
  beat(from: string, latest: number): Arrival {
    const peer = this.#heard(from);
    if (latest <= peer.lastBatch) return 'next';
    peer.lastBatch = latest;
    return 'after a gap';
  }

  /** Counts a beat of our own. @returns the processes that have been silent for too many, and forgets them */
  tick(): string[] {
    const gone: string[] = [];
    for (const [id, peer] of this.#peers) {
      peer.silentBeats += 1;
      if (peer.silentBeats > this.silence) gone.push(id);
    }
    for (const id of gone) this.#peers.delete(id);
    return gone;
  }

  /** The process says goodbye. @returns whether it was known */
  leave(from: string): boolean {
    return this.#peers.delete(from);
  }

  #heard(from: string): Peer {
    let peer = this.#peers.get(from);
    if (peer === undefined) {
      peer = { lastBatch: 0, silentBeats: 0 };
      this.#peers.set(from, peer);
    }
    peer.silentBeats = 0;
    return peer;
  }
}
