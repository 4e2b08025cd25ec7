/** What is printed on standard output, where the console's log goes, while `work` runs: line by line, instead of being shown. */
export async function linesPrintedBy(work: () => Promise<unknown>): Promise<string[]> {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  let text = '';
  stdout.write = (chunk: string | Uint8Array): boolean => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    return true;
  };
  try {
    await work();
  } finally {
    stdout.write = write;
  }
  return text.split('\n').filter((line) => line !== '');
}
