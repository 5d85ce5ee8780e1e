/**
 * The exposition format of Prometheus for engines in TypeScript, with the names that the native engine uses
 * (native/engine/src/prometheus.rs). Times are in seconds.
 */
import type {LatencyGroup, LatencySummary, MetricsSnapshot} from './engine.ts'

const US_PER_SECOND = 1e6
const QUANTILES = {0.5: 'p50', 0.9: 'p90', 0.95: 'p95', 0.99: 'p99', 0.999: 'p999'} as const
const PARTS: Readonly<Record<keyof LatencyGroup, string>> = {
  queue: 'from submission to start',
  compute: 'of the work itself',
  total: 'from submission to completion',
}

/** The text of a snapshot; what an engine does not count is left out. */
export function metricsText(snapshot: MetricsSnapshot): string {
  const counters = {
    submitted: ['Operations submitted.', snapshot.submitted],
    completed: ['Operations answered with a result.', snapshot.completed],
    fallback: ['Results from another device or engine than the first choice.', snapshot.fallbacks],
  } as const
  const lines: string[] = []
  for (const [name, [help, value]] of Object.entries(counters)) {
    lines.push(...family(`npubridge_operations_${name}_total`, 'counter', help), sample(name, value))
  }

  lines.push(
    ...family('npubridge_operations_failed_total', 'counter', 'Operations answered with an error, by its code.'),
  )
  for (const [code, count] of Object.entries(snapshot.failuresByCode)) {
    lines.push(`npubridge_operations_failed_total${labels({code})} ${count}`)
  }

  for (const [name, help, value] of [
    ['npubridge_uptime_seconds', 'Time since the engine started.', snapshot.uptimeMs / 1000],
    ['npubridge_queue_depth', 'Operations that wait.', snapshot.queueDepth],
    ['npubridge_operations_running', 'Operations that run.', snapshot.running],
  ] as const) {
    lines.push(...family(name, 'gauge', help), `${name} ${value}`)
  }

  for (const [part, what] of Object.entries(PARTS) as Array<[keyof LatencyGroup, string]>) {
    const name = `npubridge_operation_${part}_seconds`
    lines.push(...family(name, 'summary', `Time ${what}, by type.`))
    for (const [type, group] of Object.entries(snapshot.operations)) lines.push(...summary(name, type, group[part]))
  }

  return lines.join('\n') + '\n'
}

function sample(name: string, value: number): string {
  return `npubridge_operations_${name}_total ${value}`
}

function family(name: string, type: 'counter' | 'gauge' | 'summary', help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}

function summary(name: string, type: string, latencies: LatencySummary): string[] {
  const quantiles = Object.entries(QUANTILES).map(
    ([quantile, key]) => `${name}${labels({type, quantile})} ${latencies[key] / US_PER_SECOND}`,
  )
  const sum = (latencies.mean * latencies.count) / US_PER_SECOND
  return [...quantiles, `${name}_sum${labels({type})} ${sum}`, `${name}_count${labels({type})} ${latencies.count}`]
}

/** Labels, in whose values backslashes, quotes and line feeds have a meaning. */
function labels(values: Readonly<Record<string, string>>): string {
  const escape = (value: string) =>
    value
      .replaceAll('\\', String.raw`\\`)
      .replaceAll('"', String.raw`\"`)
      .replaceAll('\n', String.raw`\n`)
  const pairs = Object.entries(values).map(([name, value]) => `${name}="${escape(value)}"`)
  return `{${pairs.join(',')}}`
}
