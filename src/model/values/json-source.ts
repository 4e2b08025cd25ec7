import { type Node, parseTree } from 'jsonc-parser';

/**
 * The text of a value within JSON text that is known to parse, as its sender wrote it: a number keeps all its digits, and
 * keys keep their order. Of a key that comes twice the last one counts, as for `JSON.parse`.
 * @returns undefined where there is no such value
 */
export function sourceAt(json: string, path: readonly (string | number)[]): string | undefined {
  let node = parseTree(json);
  for (const step of path) {
    node =
      node?.type === 'array'
        ? node.children?.[Number(step)]
        : node?.children?.findLast((property: Node) => property.children?.[0]?.value === step)?.children?.[1];
  }
  return node === undefined ? undefined : json.slice(node.offset, node.offset + node.length);
}
