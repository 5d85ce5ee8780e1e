/** What a server in front of a pool tells of the pool's nodes. */
import {list, number, record, text, type Unknown} from './reading.ts'

export interface LiveNodeDevice {
  readonly name: string
  /** normal, throttled, or unknown where nobody reads its telemetry. */
  readonly thermal: string
  readonly temperatureCelsius: number | null
  readonly powerWatts: number | null
}

export interface LiveNode {
  readonly name: string
  readonly host: string
  readonly version: string
  readonly engine: string
  /** ready, draining or drained. */
  readonly state: string
  readonly devices: readonly LiveNodeDevice[]
  readonly models: readonly string[]
  readonly agents: readonly string[]
  /** Operations that run on it, and how many it takes at once from a lane. */
  readonly running: number | null
  readonly capacity: number | null
  /** Operations since it started: with a result, with an error, and taken over from nodes that died. */
  readonly done: number | null
  readonly failed: number | null
  readonly recovered: number | null
  /** On its engine, in microseconds. */
  readonly p99Us: number | null
}

/** As a message has them. */
export function nodeFields({devices, p99Us, ...node}: LiveNode): object {
  return {
    ...node,
    devices: devices.map(({name, powerWatts, temperatureCelsius, thermal}) => ({
      name,
      thermal,
      temperature_celsius: temperatureCelsius,
      power_watts: powerWatts,
    })),
    p99_us: p99Us,
  }
}

export function readNodes(value: unknown): LiveNode[] {
  return list(value).flatMap((each) => readNode(record(each)))
}

function readNode(node: Unknown): LiveNode[] {
  const name = text(node.name, 100)
  if (name === null) return []
  const word = (value: unknown, longest: number) => text(value, longest) ?? 'unknown'
  return [
    {
      name,
      host: word(node.host, 253),
      version: word(node.version, 60),
      engine: word(node.engine, 40),
      state: word(node.state, 40),
      devices: list(node.devices).flatMap((each) => readDevice(record(each))),
      models: list(node.models).flatMap((each) => text(each, 500) ?? []),
      agents: list(node.agents).flatMap((each) => text(each, 200) ?? []),
      running: number(node.running),
      capacity: number(node.capacity),
      done: number(node.done),
      failed: number(node.failed),
      recovered: number(node.recovered),
      p99Us: number(node.p99_us),
    },
  ]
}

function readDevice({name, power_watts: power, temperature_celsius: temperature, thermal}: Unknown): LiveNodeDevice[] {
  const known = text(name, 100)
  if (known === null) return []
  return [
    {
      name: known,
      thermal: text(thermal, 40) ?? 'unknown',
      temperatureCelsius: number(temperature),
      powerWatts: number(power),
    },
  ]
}
