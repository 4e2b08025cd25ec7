/** `units` of `timescale` a second, in seconds with three decimals; undefined where that is no time at all. */
export function secondsOf(units: number, timescale: number): number | undefined {
  const seconds = Math.round((units / timescale) * 1000) / 1000;
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}
