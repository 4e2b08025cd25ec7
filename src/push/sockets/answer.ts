import { type Connection } from './connection';

/** The answer to one request of a socket. It is given once: after an error (its time was over) nothing more goes out under its `ref`. */
export class Answer {
  #isGiven = false;

  constructor(
    readonly connection: Connection,
    readonly ref: string | undefined,
  ) {}

  get isGiven(): boolean {
    return this.#isGiven;
  }

  /** To be called by whoever is about to answer. @returns whether it may */
  claim(): boolean {
    if (this.#isGiven) return false;
    this.#isGiven = true;
    return true;
  }
}
