/** A workflow as a picture: which tasks stand beside each other, and what leads where. Cycles are drawn, not refused. */

export interface GraphTask {
  readonly id: string
  readonly dependencies: readonly string[]
}

export interface Graph {
  /** Numbers of tasks, by level; a task stands behind everything that it waits for. */
  readonly levels: ReadonlyArray<readonly number[]>
  readonly edges: ReadonlyArray<readonly [from: number, to: number]>
}

export function graphOf(tasks: readonly GraphTask[]): Graph {
  const numbers = new Map(tasks.map(({id}, index) => [id, index]))
  const edges = tasks.flatMap(({dependencies}, to) =>
    [...new Set(dependencies)].flatMap((id) => {
      const from = numbers.get(id)
      return from === undefined || from === to ? [] : [[from, to] as const]
    }),
  )
  const next = Map.groupBy(edges, ([from]) => from)
  const waits = tasks.map((_, index) => edges.filter(([, to]) => to === index).length)
  const levels: number[][] = []
  const left = new Set(tasks.keys())
  while (left.size > 0) {
    const free = [...left].filter((index) => waits[index] === 0)
    // All that is left waits for each other: the first goes, as it would when it runs.
    const level = free.length > 0 ? free : [[...left][0]!]
    for (const index of level) {
      left.delete(index)
      for (const [, to] of next.get(index) ?? []) waits[to]! -= 1
    }

    levels.push(level)
  }

  return {levels, edges}
}
