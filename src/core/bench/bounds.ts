/** Bounds that the user sets for figures, so that a build can fail. */
import type {CheckReport, SuiteReport} from './report.ts'
import type {MetricDefinition, Suite} from './suites/suite.ts'

import {NpuBridgeError} from '../errors.ts'
import {nameSuggestions} from '../run/nearest.ts'
import {ACCELERATED} from './sides.ts'

export interface Bound {
  readonly suite: string
  readonly metric: string
  /** `below`: fails below the value, for what is better higher; `above` for what is better lower. */
  readonly kind: 'above' | 'below'
  readonly value: number
}

/**
 * Reads `suite.metric=value`.
 *
 * @param texts as the user wrote them
 * @param kind which side of the value fails
 * @param suites those that are run
 * @throws {NpuBridgeError} INVALID_ARGUMENT that names what was probably meant
 */
export function parseBounds(texts: readonly string[], kind: Bound['kind'], suites: readonly Suite[]): Bound[] {
  const known = new Map<string, MetricDefinition>(
    suites.flatMap(({metrics, name}) => metrics.map((metric) => [`${name}.${metric.name}`, metric] as const)),
  )
  return texts.map((text) => {
    const [name = '', number = ''] = text.split('=', 2)
    const metric = known.get(name)
    if (!metric) throw unknownMetric(name, [...known.keys()])
    const value = Number(number)
    if (number.trim() === '' || !Number.isFinite(value)) throw noNumber(text, kind)
    if ((kind === 'below') !== (metric.better === 'higher')) throw otherWay(text, metric, kind)
    return {suite: name.slice(0, name.indexOf('.')), metric: metric.name, kind, value}
  })
}

/** Holds the figures of the accelerated side against `bounds`; without a figure a bound is not kept. */
export function checkBounds(bounds: readonly Bound[], suites: readonly SuiteReport[]): CheckReport[] {
  return bounds.map(({kind, metric, suite, value: bound}) => {
    const report = suites.find(({name}) => name === suite)?.metrics.find(({name}) => name === metric)
    const value = report?.sides[ACCELERATED]?.median ?? null
    const met = value !== null && (kind === 'below' ? value >= bound : value <= bound)
    return {metric: `${suite}.${metric}`, kind, bound, value, met}
  })
}

function unknownMetric(name: string, known: readonly string[]): NpuBridgeError {
  const message = `there is no metric ${JSON.stringify(name)} among the suites that are run`
  return new NpuBridgeError('INVALID_ARGUMENT', message, {suggestions: nameSuggestions(name, known, 'metrics')})
}

function noNumber(text: string, kind: Bound['kind']): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', `--fail-${kind} ${text}: what follows = must be a number`, {
    suggestions: ['--fail-below coordination.throughput=50000', '--fail-above coordination.latency_p99=1000'],
  })
}

function otherWay(text: string, {better, unit}: MetricDefinition, kind: Bound['kind']): NpuBridgeError {
  const other = kind === 'below' ? 'above' : 'below'
  const message = `--fail-${kind} ${text}: of this metric (${unit}) ${better} is better`
  return new NpuBridgeError('INVALID_ARGUMENT', message, {suggestions: [`--fail-${other} ${text}`]})
}
