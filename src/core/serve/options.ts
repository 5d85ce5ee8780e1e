/** Everything that a server can be told, in one schema: flags and a section of a configuration file both end here. */
import {z} from 'zod'

import {NpuBridgeError} from '../errors.ts'

const MIB = 1024 * 1024

const limitsSchema = z.strictObject({
  /** Bytes of one request, sent or after decompression. */
  bodyBytes: z
    .int()
    .min(1024)
    .default(256 * MIB),
  /** Bytes of the JSON part of one request. */
  jsonBytes: z
    .int()
    .min(1024)
    .default(32 * MIB),
  /** Bytes of all requests that are being read or run, together. */
  heldBytes: z
    .int()
    .min(1024)
    .default(1024 * MIB),
  /** Elements of one tensor. */
  tensorElements: z
    .int()
    .min(1)
    .default(2 ** 28),
  connections: z.int().min(1).default(1024),
  /** How long a client may take to send its head, and a whole request. */
  headersMs: z.int().min(1).default(10_000),
  requestMs: z.int().min(1).default(60_000),
  /** After how long without a byte in either direction a connection is closed. */
  idleMs: z.int().min(1).default(120_000),
  /** Operations of one WebSocket that are under way at once. */
  socketOperations: z.int().min(1).default(1024),
  /** Answers of one WebSocket that its client has not taken yet, in bytes; more are not made until it has. */
  socketBytes: z
    .int()
    .min(1024)
    .default(16 * MIB),
})

export const serveOptionsSchema = z.strictObject({
  /** Where to listen. Beyond the loopback interface clients need a token. */
  host: z.string().min(1).default('127.0.0.1'),
  /** 0: any that is free. */
  port: z.int().min(0).max(65_535).default(8000),
  /** Null: no gRPC. */
  grpcPort: z.int().min(0).max(65_535).nullable().default(8001),
  /** A Unix socket to listen on instead of `host` and `port`. */
  socket: z.string().min(1).nullable().default(null),
  /** Files with a certificate and its key, in PEM. */
  tls: z
    .strictObject({cert: z.string().min(1), key: z.string().min(1)})
    .nullable()
    .default(null),
  /** The folder of models; the one of `npubridge models pull` when null. */
  models: z.string().min(1).nullable().default(null),
  /** Models to load before the server is ready; `all` for each that is there. */
  load: z.array(z.string().min(1)).default([]),
  /** Whether clients may load, unload and benchmark. */
  control: z.boolean().default(true),
  /** Whether clients need a token on the loopback interface, too. */
  token: z.boolean().default(false),
  /** Further names that clients may call this server, in the Host header. */
  allowedHosts: z.array(z.string().min(1)).default([]),
  /** Web pages that may use this server, as origins: `https://example.org`. */
  allowedOrigins: z.array(z.string().min(1)).default([]),
  /** Whether there is a dashboard at `/`. */
  dashboard: z.boolean().default(true),
  /** Requests a second and client; 0: no limit. Bursts of one second are allowed. */
  rateLimit: z.number().min(0).default(0),
  /** How long requests may take to end when the server is stopped. */
  drainMs: z.int().min(0).default(10_000),
  logLevel: z.enum(['debug', 'error', 'info', 'silent', 'warn']).default('info'),
  limits: limitsSchema.prefault({}),
})

export type ServeOptions = Readonly<z.output<typeof serveOptionsSchema>>
export type ServeOptionsInput = z.input<typeof serveOptionsSchema>
export type ServeLimits = ServeOptions['limits']

/** @throws {NpuBridgeError} CONFIG_INVALID naming the option that is wrong */
export function parseServeOptions(input: ServeOptionsInput): ServeOptions {
  const parsed = serveOptionsSchema.safeParse(input)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({message, path}) => `serve.${path.join('.')}: ${message}`)
  throw new NpuBridgeError('CONFIG_INVALID', problems.join('; '))
}
