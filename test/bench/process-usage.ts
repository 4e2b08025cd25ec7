import { readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second here, whatever its own tick is (proc(5), sysconf(_SC_CLK_TCK)). */
const MS_A_TICK = 10;

/** The CPU time that a process has used so far, user and system, in ms. @throws when there is no such process */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The program's name, in parentheses, may hold anything: the fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_A_TICK;
}

/** The resident memory of a process in KiB. */
export function residentKib(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(match?.[1] ?? NaN);
}

/** How many files a process of ours may open: Node raises its soft limit to the hard one by itself. */
export function openFilesLimit(): number {
  const match = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  return match?.[1] === 'unlimited' ? Infinity : Number(match?.[1] ?? 1024);
}
