import type {BenchListener} from './events.ts'
import type {Random} from './random.ts'
import type {DistributionReport, MetricReport, SeriesReport, SuiteReport} from './report.ts'
import type {Suite, SuiteContext} from './suites/suite.ts'

import {measureCase} from './measure.ts'
import {distributionReports, metricReport, seriesReport} from './metric.ts'

export interface RunSuiteOptions {
  readonly onEvent?: BenchListener | undefined
  /** How much of everything is done when this much of the suite is. */
  readonly overall: (fraction: number) => number
  readonly random: Random
  readonly signal: AbortSignal
}

/** Runs the cases of a suite one after the other; when it is interrupted, those that were begun are reported. */
export async function runSuite(
  suite: Suite,
  context: Omit<SuiteContext, 'note'>,
  {onEvent, overall, random, signal}: RunSuiteOptions,
): Promise<SuiteReport> {
  const started = performance.now()
  onEvent?.({type: 'started', suite: suite.name})
  const notes = new Set(suite.notes)
  const note = (sentence: string) => {
    notes.add(sentence)
  }

  const cases = await suite.cases({...context, note})
  const metrics: MetricReport[] = []
  const distributions: DistributionReport[] = []
  const series: SeriesReport[] = []
  for (const [index, work] of cases.entries()) {
    if (signal.aborted) break
    const onProgress = (doing: string, fraction: number) => {
      const done = (index + fraction) / cases.length
      onEvent?.({type: 'advanced', suite: suite.name, doing, fraction: done, overall: overall(done)})
    }

    const outcomes = await measureCase(work, {random, signal, onProgress})
    metrics.push(
      ...suite.metrics.filter(({name}) => work.metrics.includes(name)).map((metric) => metricReport(metric, outcomes)),
    )
    distributions.push(...distributionReports(outcomes))
    series.push(...(suite.series ?? []).map((each) => seriesReport(each, outcomes)))
  }

  onEvent?.({type: 'finished', suite: suite.name, seconds: (performance.now() - started) / 1000})
  return {
    name: suite.name,
    metrics,
    distributions,
    series: series.filter(({sides}) => Object.keys(sides).length > 0),
    notes: [...notes],
  }
}
