import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type BenchOptions } from './options';
import { median } from './statistics';

export interface Target {
  ratio: number;
  is: 'at least' | 'at most';
}

/** One figure of the server beside its yardstick's, by round. */
export interface Comparison {
  scenario: string;
  /** What was measured, in a few words. */
  title: string;
  unit: string;
  server: number[];
  yardstick: number[];
  /** What stands beside it. */
  against: string;
  /** Of the issue: what server ÷ yardstick has to be. */
  target?: Target | undefined;
}

/** The middle of the rounds' own ratios: the two sides of a round were measured one right after the other. */
export function ratioOf({ server, yardstick }: Comparison): number {
  return median(server.map((value, round) => value / (yardstick[round] ?? NaN)));
}

function met(comparison: Comparison): boolean | undefined {
  const { target } = comparison;
  if (target === undefined) return undefined;
  const ratio = ratioOf(comparison);
  return target.is === 'at least' ? ratio >= target.ratio : ratio <= target.ratio;
}

/** What a run found: figures, notes, and what was lost, doubled or out of order. */
export class Report {
  readonly comparisons: Comparison[] = [];
  readonly notes: string[] = [];
  readonly faults: string[] = [];
  readonly databases: string[] = [];
  readonly #started = new Date();

  /** Adds a round's figures to the comparison of that name. */
  add(comparison: Omit<Comparison, 'server' | 'yardstick'>, server: number, yardstick: number): void {
    let known = this.comparisons.find(
      (each) =>
        each.scenario === comparison.scenario &&
        each.title === comparison.title &&
        each.unit === comparison.unit &&
        each.against === comparison.against,
    );
    if (known === undefined) {
      known = { ...comparison, server: [], yardstick: [] };
      this.comparisons.push(known);
    }
    known.server.push(server);
    known.yardstick.push(yardstick);
  }

  note(text: string): void {
    if (this.notes.includes(text)) return;
    this.notes.push(text);
    console.log(`  note: ${text}`);
  }

  /** Something was lost, doubled or out of order: the run fails. */
  fault(where: string, texts: readonly string[]): void {
    for (const text of texts) {
      this.faults.push(`${where}: ${text}`);
      console.error(`  FAULT ${where}: ${text}`);
    }
  }

  /** The figures as a table; ratios are the medians of the rounds' own. */
  table(): string {
    const head = [
      'scenario',
      'what',
      'unit',
      'server',
      'beside it',
      'figure',
      'ratio',
      'rounds',
      'target',
      '',
    ];
    const lines = this.comparisons.map((each) => {
      const reached = met(each);
      return [
        each.scenario,
        each.title,
        each.unit,
        figure(median(each.server)),
        each.against,
        figure(median(each.yardstick)),
        ratio(ratioOf(each)),
        each.server.map((value, round) => ratio(value / (each.yardstick[round] ?? NaN))).join(' '),
        each.target === undefined ? '' : `${each.target.is} ${each.target.ratio}`,
        reached === undefined ? '' : reached ? 'met' : 'MISSED',
      ];
    });
    const widths = head.map((title, column) =>
      Math.max(title.length, ...lines.map((line) => (line[column] ?? '').length)),
    );
    const numeric = new Set([3, 5, 6]);
    const row = (cells: readonly string[]) =>
      `| ${cells
        .map((cell, column) =>
          numeric.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join(' | ')} |`;
    return [row(head), row(widths.map((width) => '-'.repeat(width))), ...lines.map(row)].join('\n');
  }

  save(file: string, options: BenchOptions): void {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    const figures = {
      started: this.#started.toISOString(),
      seconds: Math.round((Date.now() - this.#started.getTime()) / 1000),
      machine: { cpus: os.cpus().length, model: os.cpus()[0]?.model, node: process.version },
      databases: this.databases,
      options,
      comparisons: this.comparisons.map((each) => ({ ...each, ratio: ratioOf(each), met: met(each) })),
      notes: this.notes,
      faults: this.faults,
    };
    writeFileSync(file, `${JSON.stringify(figures, null, 2)}\n`);
  }
}

function figure(value: number): string {
  if (Number.isNaN(value)) return '-';
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}

function ratio(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : '-';
}
