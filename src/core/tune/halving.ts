/**
 * Successive halving: all contenders get a short trial, the better third of them a longer one, and so on until few are
 * left. Who would not go on gets the same trial once more, and the better one counts: whatever else a machine does makes
 * trials worse and none better, and a contender that is lost never comes back. Source of the halving: Jamieson and
 * Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016.
 */

/** One third goes on to the next round. */
const SHARE = 3
/** How much longer the trials of the next round are. */
const LONGER = 2

export interface HalvingOptions<C, R> {
  /** Tries a contender for so long; null when it cannot be tried and takes no further part. */
  readonly attempt: (contender: C, milliseconds: number) => Promise<null | R>
  /** Larger is better. */
  readonly score: (result: R) => number
  /** How many are to be left. */
  readonly finalists: number
  /** Length of the first trials. */
  readonly trialMs: number
  /** Whether time is up: what was not tried by then is not. */
  readonly isOver: () => boolean
  /** Contenders that stay whatever comes of them. */
  readonly keeps: (contender: C) => boolean
  /** How close to the best is as good, as a share: trials so short cannot tell these apart. */
  readonly asGood: number
  /** Of those that are as good, the least complex go first. */
  readonly complexity: (contender: C) => number
}

export interface Halved<C, R> {
  /** The best first; those that are kept and are not among the best come last. */
  readonly finalists: ReadonlyArray<{readonly contender: C; readonly result: R}>
  /** The last result of each contender that was tried; of a trial and its repetition, the better one. */
  readonly results: ReadonlyMap<C, R>
  readonly rounds: number
  readonly untried: readonly C[]
}

export async function successiveHalving<C, R>(
  contenders: readonly C[],
  options: HalvingOptions<C, R>,
): Promise<Halved<C, R>> {
  const {finalists, keeps, score} = options
  const results = new Map<C, R>()
  const untried: C[] = []
  const failed = new Set<C>()
  const scoreOf = (contender: C) => score(results.get(contender)!)
  const ranked = (among: readonly C[]) => {
    const byScore = among.filter((each) => results.has(each)).toSorted((a, b) => scoreOf(b) - scoreOf(a))
    const best = byScore[0] === undefined ? 0 : scoreOf(byScore[0])
    const behind = byScore.findIndex((each) => scoreOf(each) < best - options.asGood * Math.abs(best))
    const good = byScore.slice(0, behind === -1 ? byScore.length : behind)
    return [...good.toSorted((a, b) => options.complexity(a) - options.complexity(b)), ...byScore.slice(good.length)]
  }

  const attempt = async (contender: C, trialMs: number, isBetter: (result: R) => boolean) => {
    const result = await options.attempt(contender, trialMs)
    if (result === null) failed.add(contender)
    else if (isBetter(result)) results.set(contender, result)
  }

  const round = async (among: readonly C[], trialMs: number) => {
    for (const contender of among) {
      if (!options.isOver()) await attempt(contender, trialMs, () => true)
      else if (!results.has(contender)) untried.push(contender)
    }

    return ranked(among.filter((each) => !failed.has(each)))
  }

  /** The ranking when everyone behind the first `count` has had one, of whom the best comes first. */
  const withSecondChances = async (ranking: C[], count: number, trialMs: number): Promise<C[]> => {
    const tried = new Set<C>()
    for (;;) {
      const next = ranking.slice(count).find((each) => !tried.has(each))
      if (next === undefined || options.isOver()) return ranking
      tried.add(next)
      await attempt(next, trialMs, (result) => score(result) > scoreOf(next))
      ranking = ranked(ranking.filter((each) => !failed.has(each)))
    }
  }

  let left = [...contenders]
  let rounds = 0
  for (let {trialMs} = options; ; trialMs *= LONGER) {
    rounds++
    left = await round(left, trialMs)
    if (left.length <= finalists || options.isOver()) break
    const count = Math.max(finalists, Math.ceil(left.length / SHARE))
    left = await withSecondChances(left, count, trialMs)
    left = [...left.slice(0, count), ...left.slice(count).filter((each) => keeps(each))]
    if (left.filter((each) => !keeps(each)).length <= finalists) break
  }

  const best = left.slice(0, finalists)
  const kept = contenders.filter(
    (each) => keeps(each) && results.has(each) && !failed.has(each) && !best.includes(each),
  )
  return {
    finalists: [...best, ...kept].map((contender) => ({contender, result: results.get(contender)!})),
    results,
    rounds,
    untried,
  }
}
