/** Which settings nothing beats in every respect. */

export interface Point {
  /** Microseconds; less is better. */
  readonly p50Us: number
  /** Operations a second; more is better. */
  readonly throughput: number
}

/** The points that no other one beats in latency and throughput alike, the quickest first. */
export function paretoFront<T extends Point>(points: readonly T[]): T[] {
  const ordered = points.toSorted((a, b) => a.p50Us - b.p50Us || b.throughput - a.throughput)
  const front: T[] = []
  for (const point of ordered) {
    if (front.every(({throughput}) => point.throughput > throughput)) front.push(point)
  }

  return front
}
