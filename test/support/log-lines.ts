/**
 * What is printed on standard output, where the console's log goes, while `work` runs: line by line, instead of being shown.
 * `work` can ask for the lines so far, for example to wait for one.
 */
export async function linesPrintedBy(work: (printed: () => string[]) => Promise<unknown>): Promise<string[]> {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  let text = '';
  const printed = () => text.split('\n').filter((line) => line !== '');
  stdout.write = (chunk: string | Uint8Array): boolean => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    return true;
  };
  try {
    await work(printed);
  } finally {
    stdout.write = write;
  }
  return printed();
}
