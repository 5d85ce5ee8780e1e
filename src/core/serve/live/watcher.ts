/** What one client that watches is told: the parts that changed since it was last told them. */
import type {LiveAdvice} from '../../dashboard/live.ts'
import type {RecordedWorkflow} from './activity.ts'
import type {Monitor} from './monitor.ts'

import {nodeFields} from '../../dashboard/nodes.ts'

/** More errors are told with the next message. */
const MOST_ERRORS = 20

export class Watcher {
  readonly #monitor: Monitor
  #position: readonly number[] | undefined
  #revision = 0
  #fallbacks = -1
  #models = ''
  #nodes = ''
  #advice: readonly LiveAdvice[] | undefined

  constructor(monitor: Monitor) {
    this.#monitor = monitor
  }

  /** As in docs/schemas/serve-websocket.schema.json. */
  next(): object {
    const monitor = this.#monitor
    monitor.refresh()
    const {health, metrics, service} = monitor
    const {latency, seconds} = monitor.window
    return {
      version: service.metadata.version,
      instance: monitor.instance,
      uptime_ms: Math.round(monitor.clock() - monitor.startedAt),
      control: service.allowsControl,
      state: service.isDraining ? 'draining' : (health?.status ?? 'unknown'),
      window: {seconds, ...latency.figures},
      devices: (health?.devices ?? []).map(({name, state}) => ({name, full_name: monitor.fullName(name), state})),
      telemetry: this.#telemetry(),
      requests_in_flight: metrics.inFlight,
      clients: metrics.sockets,
      ...this.#history(),
      ...this.#events(),
      ...this.#changedModels(),
      ...this.#changedAdvice(),
      ...this.#changedNodes(),
    }
  }

  #telemetry(): null | object {
    const {telemetry} = this.#monitor
    return (
      telemetry && {
        utilisation: telemetry.utilisation,
        frequency_mhz: telemetry.frequencyMhz,
        max_frequency_mhz: telemetry.maxFrequencyMhz,
        memory_bytes: telemetry.memoryBytes,
        temperature_celsius: telemetry.temperatureCelsius,
        power_watts: telemetry.powerWatts,
        power: telemetry.power,
        reason: telemetry.reason,
      }
    )
  }

  #history(): object {
    const {clock, history} = this.#monitor
    const isFirst = this.#position === undefined
    const tiers = history.rows(clock(), this.#position)
    this.#position = history.position
    return isFirst || tiers.length > 0 ? {history: {complete: isFirst, tiers}} : {}
  }

  #events(): object {
    const {activity, clock} = this.#monitor
    const now = clock()
    const errors = activity.errors
      .filter(({revision}) => revision > this.#revision)
      .toSorted((a, b) => a.revision - b.revision)
    const told = errors.slice(0, MOST_ERRORS)
    const workflows = activity.workflows.filter(({revision}) => revision > this.#revision)
    // What is left over is told next time.
    this.#revision = errors.length > told.length ? told.at(-1)!.revision : activity.revision
    const fellBack = activity.fallbacks.reduce((sum, {count}) => sum + count, 0)
    const isNews = fellBack !== this.#fallbacks
    this.#fallbacks = fellBack
    return {
      ...(told.length > 0 && {
        errors: told.map(({at, code, count, message, number, where}) => ({
          number,
          count,
          code,
          message,
          where,
          age_ms: Math.round(now - at),
        })),
      }),
      ...(workflows.length > 0 && {workflows: workflows.map((each) => tellWorkflow(each, now))}),
      ...(isNews && {
        fallbacks: activity.fallbacks.map(({at, count, from, reason, to}) => ({
          from,
          to,
          reason,
          count,
          age_ms: Math.round(now - at),
        })),
      }),
    }
  }

  #changedModels(): object {
    const {models} = this.#monitor
    const key = JSON.stringify(models)
    if (key === this.#models) return {}
    this.#models = key
    return {models}
  }

  #changedAdvice(): object {
    const {advice} = this.#monitor
    if (advice === this.#advice) return {}
    this.#advice = advice
    return {advice}
  }

  #changedNodes(): object {
    const nodes = this.#monitor.readNodes?.()
    if (nodes === undefined) return {}
    const fields = nodes.map((node) => nodeFields(node))
    const key = JSON.stringify(fields)
    if (key === this.#nodes) return {}
    this.#nodes = key
    return {nodes: fields}
  }
}

function tellWorkflow(workflow: RecordedWorkflow, now: number): object {
  const {assigned, endedAt, error, number, startedAt, status, tasks, total} = workflow
  return {
    number,
    state: endedAt === null ? 'running' : error === null ? 'ended' : 'failed',
    age_ms: Math.round(now - startedAt),
    elapsed_ms: Math.round(1000 * ((endedAt ?? now) - startedAt)) / 1000,
    total,
    tasks: tasks.map(({agent, dependencies, id}, index) => ({
      id,
      agent: assigned[index] ?? agent,
      dependencies,
      status: status[index] ?? (endedAt === null ? 'pending' : 'unknown'),
    })),
    error,
  }
}
