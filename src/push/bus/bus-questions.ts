/**
 * What processes ask each other beside their events, and in order with them: whoever gets `heard?` answers `heard`, and has then
 * handled all that the one that asks published before.
 */
export type BusQuestion = { kind: 'heard?'; number: number } | { kind: 'heard'; number: number };

interface Question {
  /** Processes that have not answered. */
  readonly silent: Set<string>;
  readonly end: () => void;
}

/** Questions to the other processes, whether all that was published before them has been handled. */
export class BusQuestions {
  readonly #open = new Map<number, Question>();
  #asked = 0;

  /**
   * A new question.
   * @returns its number, and what resolves when all of `others` have answered it or are gone, or after `limitMs`
   */
  ask(others: Iterable<string>, limitMs: number): { number: number; answered: Promise<void> } {
    const number = ++this.#asked;
    const answered = new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#open.delete(number);
        resolve();
      };
      const timer = setTimeout(end, limitMs);
      timer.unref();
      this.#open.set(number, { silent: new Set(others), end });
    });
    return { number, answered };
  }

  /** The process has answered a question. */
  answer(from: string, number: number): void {
    const question = this.#open.get(number);
    if (question?.silent.delete(from) === true && question.silent.size === 0) question.end();
  }

  /** The process is gone: it answers nothing any more. */
  forget(from: string): void {
    for (const number of [...this.#open.keys()]) this.answer(from, number);
  }
}
