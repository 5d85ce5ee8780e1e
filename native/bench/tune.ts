/**
 * How far `tune` can be trusted: tunes a model several times, then measures the winners, those that came closest and the
 * default in turns, each turn in a process of its own: where its threads and memory come to lie is worth some two percent.
 *
 *     npm run bench:tune -- magika throughput 5 90s
 */
import {median} from 'simple-statistics'

import {parseDuration} from '../../src/core/bench/duration.ts'
import {betterHalf} from '../../src/core/bench/paired-permutation.ts'
import {type Candidate, DEFAULT} from '../../src/core/tune/candidate.ts'
import {OBJECTIVES, score} from '../../src/core/tune/objective.ts'
import {openApart} from '../../src/core/tune/trial-process.ts'
import {tune} from '../../src/core/tune/tune.ts'

const [model = 'silero-vad', wanted = 'throughput', times = '5', limit = '90s'] = process.argv.slice(2)
const objective = OBJECTIVES.find((name) => name === wanted) ?? 'throughput'
const ROUNDS = 31
const ROUND_MS = 500
/** Before that, uncounted: until its batches and threads are found out at the real work, the default is a sixth slower. */
const SETTLING_MS = 2000

/** The candidate that a profile was made of. */
function candidateOf({batching, extends: base, precision, requests, streams}: Record<string, unknown>): Candidate {
  const batch = (batching as undefined | {max?: number})?.max
  const given = {hint: base === 'throughput' ? base : undefined, requests, streams, batch, precision}
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

const rivals: Array<{candidate: Candidate; name: string}> = []
const winners: Array<{candidate: Candidate; name: string}> = []
for (let run = 0; run < Number(times); run++) {
  const report = await tune({
    config: {},
    constraints: {},
    limitMs: parseDuration(limit),
    model,
    objective,
    onProgress() {},
    signal: new AbortController().signal,
  })
  const winner = report.settings.find(({name}) => name === report.winner)!
  winners.push({candidate: candidateOf(winner.profile), name: winner.name})
  // Who came closest, too: five times the default would be as good as itself.
  const rival = report.settings.find(({name}) => name !== report.winner && name !== 'default')
  if (rival) rivals.push({candidate: candidateOf(rival.profile), name: rival.name})
  console.log(`run ${run + 1}: ${winner.name} in ${report.seconds.toFixed(0)} s`)
}

const contenders = new Map<string, {candidate: Candidate; samples: number[]}>()
for (const {candidate, name} of [{candidate: DEFAULT, name: 'default'}, ...winners, ...rivals]) {
  if (!contenders.has(name)) contenders.set(name, {candidate, samples: []})
}

for (let round = 0; round < ROUNDS; round++) {
  const all = [...contenders.values()]
  // Everyone begins once: what is first finds another machine than what is last.
  for (const {candidate, samples} of [...all.slice(round % all.length), ...all.slice(0, round % all.length)]) {
    await using trial = await openApart(candidate, {config: {}, model, objective}, null)
    await trial.measure(SETTLING_MS)
    samples.push(score(objective, await trial.measure(ROUND_MS)))
  }
}

// Some turns take twice as long because of what else the machine does: what a setting can do shows in the others.
const figures = new Map([...contenders].map(([name, {samples}]) => [name, betterHalf(samples, 'higher')]))
const best = Math.max(...figures.values())
const base = figures.get('default')!
const middle = median(contenders.get('default')!.samples)
for (const [name, {samples}] of contenders) {
  const wins = winners.filter((winner) => winner.name === name).length
  const value = figures.get(name)!
  console.log(
    `${name}: won ${wins} times, ${percent(value / base)} against the default (medians: ${percent(median(samples) / middle)}), ${percent(value / best)} against the best`,
  )
}

const close = winners.filter(({name}) => figures.get(name)! >= 0.97 * best).length
console.log(
  `${model}, ${objective}: ${close} of ${winners.length} winners within 3 % of the best (better half of ${ROUNDS} rounds in turns)`,
)

function percent(ratio: number): string {
  return `${((ratio - 1) * 100).toFixed(1)} %`
}
