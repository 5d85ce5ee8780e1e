/** What a worker tells the pool about itself. */
import {z} from 'zod'

/** What keeps a node from being chosen. `drained`: it takes nothing and has nothing left. */
export const NODE_STATES = ['ready', 'draining', 'drained'] as const

const deviceSchema = z.object({
  name: z.string(),
  fullName: z.string().nullable(),
  /** `throttled` as its telemetry says; unknown where there is none. */
  thermal: z.enum(['normal', 'throttled', 'unknown']),
  temperatureCelsius: z.number().nullable(),
  frequencyMhz: z.number().nullable(),
  powerWatts: z.number().nullable(),
})

export const announcementSchema = z.object({
  name: z.string(),
  /** Another one after each start. */
  instance: z.string(),
  host: z.string(),
  pid: z.int(),
  version: z.string(),
  /** Of the jobs that it takes. */
  jobVersion: z.int(),
  startedAt: z.string(),
  /** On Redis's clock, in milliseconds. */
  seenAt: z.number(),
  /** How often it announces itself, in milliseconds. */
  heartbeatMs: z.number(),
  state: z.enum(NODE_STATES),
  engine: z.string(),
  devices: z.array(deviceSchema),
  models: z.array(z.string()),
  /** Agents that it runs. */
  agents: z.array(z.string()),
  /** Operations at once, and how many of them are taken. */
  capacity: z.int().min(1),
  running: z.int().min(0),
  /** How far its own clock is from Redis's, in milliseconds. */
  clockSkewMs: z.number(),
  load1: z.number(),
  memoryFreeBytes: z.number(),
  done: z.int(),
  failed: z.int(),
  /** Jobs that others had begun. */
  recovered: z.int(),
  /** Time from submission to completion on its engine, in microseconds; null before the first. */
  p50Us: z.number().nullable(),
  p99Us: z.number().nullable(),
})
export type Announcement = z.output<typeof announcementSchema>

/** Undefined for what no worker that is understood here has written. */
export function parseAnnouncement(text: string | null): Announcement | undefined {
  if (text === null) return undefined
  try {
    return announcementSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** How many heartbeats may be missed before a node counts as gone. */
export const MISSED_HEARTBEATS = 3

export function expiryOf(heartbeatMs: number): number {
  return heartbeatMs * MISSED_HEARTBEATS
}
