/**
 * Does `work` again and again, each time `ms` after it ended: on a slow database a timer would begin anew before it was done.
 * It does not keep the process running. `work` must not reject.
 * @returns a function that ends it
 */
export function repeat(ms: number, work: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isEnded = false;
  const again = () => {
    timer = setTimeout(() => {
      void work().then(() => {
        if (!isEnded) again();
      });
    }, ms);
    timer.unref();
  };
  again();
  return () => {
    isEnded = true;
    clearTimeout(timer);
  };
}
