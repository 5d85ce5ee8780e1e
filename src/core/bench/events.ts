/** What a benchmark tells while it runs. */
export type BenchEvent =
  | {
      readonly type: 'advanced'
      readonly suite: string
      /** What is measured now. */
      readonly doing: string
      /** How much of the suite is done, from 0 to 1. */
      readonly fraction: number
    }
  | {readonly type: 'finished'; readonly suite: string; readonly seconds: number}
  | {readonly type: 'started'; readonly suite: string}

export type BenchListener = (event: BenchEvent) => void
