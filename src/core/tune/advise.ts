/** What the metrics of an engine that ran for a while say about its settings. */
import {readFile} from 'node:fs/promises'
import {z} from 'zod'

import type {MetricsSnapshot} from '../engine/engine.ts'
import type {Advice, AdviceReport} from './report.ts'

import {EXIT, NpuBridgeError} from '../errors.ts'
import {connectTo} from '../serve/client/connection.ts'
import {belongsOnCpu} from './belongs-on-cpu.ts'
import {perSecond, us} from './explain.ts'

/** What a user wants of it. */
export interface Goals {
  readonly target_ops_per_sec?: number | undefined
  readonly max_latency_us?: number | undefined
}

const summary = z.looseObject({count: z.number(), mean: z.number(), p50: z.number(), p99: z.number()})
const group = z.looseObject({queue: summary, compute: summary, total: summary})
const snapshotSchema = z.looseObject({
  submitted: z.number(),
  completed: z.number(),
  uptimeMs: z.number(),
  queueDepth: z.number(),
  failuresByCode: z.record(z.string(), z.number()),
  operations: z.record(z.string(), group),
})

/** Waiting for others that did not come: so much of a delay was waited, by so few operations an inference. */
const WAITED = 0.5
const ALONE = 1.5
/** Shares of all operations that are worth a word. */
const NOTICEABLE = 0.001
const MANY = 0.01
/** A device that is less busy than this while operations wait is starved. */
const IDLE = 0.3
/** Operations before anything is said. */
const ENOUGH = 20
const CLEARLY = 1.1

/** Where snapshots come from: what a server asks its clients for. */
export interface Source {
  readonly token?: string | undefined
}

/**
 * Reads snapshots: what `metrics()` gives, as JSON in a file, or what a running server has counted, by its URL.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for files that hold none, PROTOCOL_ERROR for servers that do not answer
 */
export async function adviseOn(sources: readonly string[], goals: Goals, {token}: Source = {}): Promise<AdviceReport> {
  const snapshots = await Promise.all(
    sources.map(async (source) =>
      checked(source, SERVER.test(source) ? await askServer(source, token) : await readJson(source)),
    ),
  )
  return {snapshots: [...sources], advice: advise(snapshots, goals)}
}

/** `http+unix://` with the path of a socket, too. */
const SERVER = /^[a-z][a-z+]*:\/\//i

async function askServer(url: string, token: string | undefined): Promise<unknown> {
  await using server = await connectTo(url, {token})
  const {data} = await server.submit({type: 'statistics'})
  return data
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw noSnapshot(file, (error as Error).message, error)
  }
}

function checked(source: string, content: unknown): MetricsSnapshot {
  const parsed = snapshotSchema.safeParse(content)
  if (parsed.success) return parsed.data as unknown as MetricsSnapshot
  const [issue] = parsed.error.issues
  throw noSnapshot(source, `${issue!.path.join('.') || 'the whole'}: ${issue!.message}`, parsed.error)
}

function noSnapshot(source: string, why: string, cause: unknown): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', `${source} is no snapshot of metrics: ${why}`, {
    cause,
    exitCode: EXIT.usage,
    suggestions: [
      'Save one: writeFileSync("snapshot.json", JSON.stringify(bridge.metrics()))',
      'npubridge serve status    shows the servers that run here, whose URL is taken too',
    ],
  })
}

/** Recommendations, each with the figures behind it; models are compared over all snapshots. */
export function advise(snapshots: readonly MetricsSnapshot[], goals: Goals = {}): Advice[] {
  const each = snapshots.flatMap((snapshot) => RULES.flatMap((rule) => rule(snapshot, goals)))
  return [...each, ...misplacedModels(snapshots)]
}

type Rule = (snapshot: MetricsSnapshot, goals: Goals) => Advice[]

const RULES: readonly Rule[] = [delayTooLong, queueTooShort, starvedDevice, deadlineUnrealistic, goalsMissed, throttled]

function delayTooLong({batchSizes = {}, operations, settings}: MetricsSnapshot): Advice[] {
  const {inference} = operations
  const delay = settings?.batchDelayUs ?? 0
  if (delay === 0 || inference === undefined || inference.total.count < ENOUGH) return []
  const runs = Object.values(batchSizes).reduce((sum, count) => sum + count, 0)
  const together = inference.total.count / Math.max(1, runs)
  if (inference.queue.p50 < WAITED * delay || together > ALONE) return []
  return [
    {
      id: 'batch-delay-too-long',
      advice: `Shorten batching.delay_us, or set it to 0: the others that operations wait for do not come.`,
      because: `Half of all inferences waited ${us(inference.queue.p50)} or longer with a delay of ${us(delay)}, and ${together.toFixed(1)} ran together on average.`,
      setting: 'batching.delay_us',
    },
  ]
}

function queueTooShort({failuresByCode, settings, submitted}: MetricsSnapshot): Advice[] {
  const refused = failuresByCode.QUEUE_FULL ?? 0
  if (refused / Math.max(1, submitted) < NOTICEABLE) return []
  const capacity = settings?.queueCapacity
  return [
    {
      id: 'queue-too-short',
      advice: `Raise queue.capacity${capacity === undefined ? '' : ` to ${2 * capacity}`}, or let operations wait for room: queue.policy wait.`,
      because: `${refused} of ${submitted} operations (${percent(refused / submitted)}) were refused because ${capacity === undefined ? 'the queue was full' : `${capacity} waited already`}.`,
      setting: 'queue.capacity',
    },
  ]
}

/** Operations wait, and the device does not work: something before it holds them up. */
function starvedDevice({batchSizes = {}, operations, resources, settings, uptimeMs}: MetricsSnapshot): Advice[] {
  const {inference} = operations
  if (inference === undefined || inference.total.count < ENOUGH || uptimeMs <= 0) return []
  const runs = Object.values(batchSizes).reduce((sum, count) => sum + count, 0)
  const places = Math.max(1, resources?.npuSlots.limit ?? 1)
  const busy = (inference.compute.mean * runs) / (uptimeMs * 1000 * places)
  const waits = inference.queue.p50 > inference.compute.p50
  const delay = settings?.batchDelayUs ?? 0
  if (!waits || busy >= IDLE || delay > 0) return []
  return [
    {
      id: 'device-starved',
      advice:
        'Submit more at once (submitBatch, or more in flight), or give the process more processor time: the device waits for work.',
      because: `The device computed ${percent(busy)} of the time, while half of all inferences waited ${us(inference.queue.p50)} for ${us(inference.compute.p50)} of work.`,
      setting: null,
    },
  ]
}

function deadlineUnrealistic({failuresByCode, operations, submitted, tooLate}: MetricsSnapshot): Advice[] {
  const late = failuresByCode.DEADLINE_EXCEEDED ?? 0
  if (!tooLate || late / Math.max(1, submitted) < MANY) return []
  const quick = operations.inference?.compute.p50
  const impossible = quick !== undefined && tooLate.p50 < quick
  const work = quick === undefined ? '' : `, while an inference takes ${us(quick)} by itself`
  return [
    {
      id: 'deadline-unrealistic',
      advice: impossible
        ? 'Give operations more time: their deadline is shorter than one inference, so whatever waits behind one comes too late.'
        : 'Give operations more time, submit less at once, or raise the priority of those that are urgent.',
      because: `${late} of ${submitted} operations (${percent(late / submitted)}) came too late; half of them were given ${us(tooLate.p50)} or less${work}.`,
      setting: null,
    },
  ]
}

function goalsMissed({operations, throughput}: MetricsSnapshot, goals: Goals): Advice[] {
  const wanted = goals.target_ops_per_sec
  const reached = throughput?.last60s
  const longest = goals.max_latency_us
  const total = operations.inference?.total
  return [
    ...(wanted !== undefined && reached !== undefined && reached < wanted
      ? [
          {
            id: 'target-not-reached' as const,
            advice: 'Find a better setting: npubridge tune --objective throughput --model MODEL',
            because: `${perSecond(reached)} were answered over the last minute, target_ops_per_sec is ${perSecond(wanted)}.`,
            setting: 'profile',
          },
        ]
      : []),
    ...(longest !== undefined && total !== undefined && total.p99 > longest
      ? [
          {
            id: 'target-not-reached' as const,
            advice: 'Find a quicker setting: npubridge tune --objective latency --model MODEL',
            because: `p99 of inferences is ${us(total.p99)}, max_latency_us is ${us(longest)}.`,
            setting: 'profile',
          },
        ]
      : []),
  ]
}

function throttled({power = {}}: MetricsSnapshot): Advice[] {
  return Object.entries(power).flatMap(([device, {limit, places, steps}]) => {
    const last = steps.at(-1)
    if (last === undefined || limit >= places) return []
    return [
      {
        id: 'throttled' as const,
        advice: `Let ${device} cool down, or take the profile efficiency: it is given less to do than it could take.`,
        because: `${limit} of ${places} inferences at once are admitted, since ${last.reason}.`,
        setting: 'profile',
      },
    ]
  })
}

/** Models that were on the CPU as well, and did better there. */
function misplacedModels(snapshots: readonly MetricsSnapshot[]): Advice[] {
  const seen = snapshots.flatMap(({models = []}) => models).filter(({total}) => total.count >= ENOUGH)
  const onCpu = new Map(seen.filter(({device}) => device === 'CPU').map((each) => [each.model, each]))
  return seen.flatMap(({compute, device, model}) => {
    const cpu = onCpu.get(model)
    if (device === 'CPU' || cpu === undefined || compute.p50 <= CLEARLY * cpu.compute.p50) return []
    return [
      belongsOnCpu(
        model,
        `half of its inferences take ${us(cpu.compute.p50)} or less on the CPU and ${us(compute.p50)} on ${device}`,
      ),
    ]
  })
}

function percent(share: number): string {
  return `${(share * 100).toPrecision(2)} %`
}
