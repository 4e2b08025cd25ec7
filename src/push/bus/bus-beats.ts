/**
 * The beats of this process on the bus, numbered from 1. One is answered when it has come back, so that both connections work,
 * and when the primary or another process has answered it: a Redis that became a replica takes texts, and passes them on to its
 * own subscribers alone.
 */
export class BusBeats {
  #sent = 0;
  #returned = 0;
  #confirmed = 0;
  /** The first beat whose answer proves that the present connections work. */
  #proving = 1;
  /** The latest beat of each of the others. */
  readonly #heard = new Map<string, number>();

  /** @param ownId what this process is called on the bus */
  constructor(private readonly ownId: string) {}

  /** Counts a beat. @returns its text: its number, and which beats of the others were heard */
  next(): string {
    this.#sent += 1;
    return [this.#sent, ...[...this.#heard].map(([id, beat]) => `${id}:${beat}`)].join(' ');
  }

  get sent(): number {
    return this.#sent;
  }

  /** A beat of ours has come back. */
  returned(text: string): void {
    this.#returned = Math.max(this.#returned, Number.parseInt(text, 10));
  }

  /** The primary has answered a beat of ours. */
  confirmed(beat: number): void {
    this.#confirmed = Math.max(this.#confirmed, beat);
  }

  /** A beat of another process has come: it may answer one of ours. */
  heard(from: string, text: string): void {
    this.#heard.set(from, Number.parseInt(text, 10));
    const answer = text.split(' ').find((word) => word.startsWith(`${this.ownId}:`));
    if (answer !== undefined) this.confirmed(Number(answer.slice(this.ownId.length + 1)));
  }

  /** The process is gone. */
  forget(id: string): void {
    this.#heard.delete(id);
  }

  /** Beats that are on their way, or lost. */
  get unanswered(): number {
    return this.#sent - Math.min(this.#returned, this.#confirmed);
  }

  /** A connection was lost: earlier beats prove nothing any more. */
  doubt(): void {
    this.#proving = this.#sent + 1;
  }

  get proven(): boolean {
    return Math.min(this.#returned, this.#confirmed) >= this.#proving;
  }
}
