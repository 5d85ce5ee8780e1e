/** One line of the table: what is measured, beside what, and what it should reach. */
export interface Row {
  readonly name: string
  /** What `values` are: `x` for ratios to the peer. */
  readonly unit: string
  /** What is measured beside it in the same run; null where the figure stands for itself. */
  readonly peer: string | null
  readonly better: 'higher' | 'lower'
  /** What must be reached. */
  readonly bound: number
  /** What is hoped for. */
  readonly goal?: number
  /** One value a round, ours and the peer's taken in turns. */
  readonly values: number[]
  /** Medians behind the ratio, in their own unit, for the reader. */
  readonly behind: Readonly<Record<string, number>>
}

export type Verdict = 'inconclusive' | 'met' | 'not met'

/** Measures some rows at once, as they come from the same work. */
export interface Measurement {
  readonly name: string
  /** @param rounds how many values each row gets; more rounds are asked for where some are inconclusive */
  measure(rounds: number): Promise<Row[]>
}

/** Runs `ours` and `theirs` in turns, the order changing with each round. */
export async function inTurns(
  rounds: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<Array<{ours: number; theirs: number}>> {
  const pairs = []
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const our = await ours()
      pairs.push({ours: our, theirs: await theirs()})
    } else {
      const their = await theirs()
      pairs.push({ours: await ours(), theirs: their})
    }
  }

  return pairs
}
