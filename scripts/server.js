// A server of this build as users start it, what it takes, and requests for it.
/* eslint camelcase: ['error', {properties: 'never'}] -- fields of the protocols are spelled like that */
import {Buffer} from 'node:buffer'
import {spawn} from 'node:child_process'
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'

const PROGRAM = path.resolve(import.meta.dirname, '..', 'bin', 'run.js')

/**
 * For a server whose memory is watched: V8 begins with the largest young generation that it has here. It doubles it, with
 * some 20 MB each time, after minutes or never, which looks like a leak and is none.
 */
export const FULL_YOUNG_GENERATION = ['--min-semi-space-size=32', '--max-semi-space-size=32']

/** Starts one on a free port with further flags, and gives what it printed with it; its log is kept. */
export async function startServer(flags, {env = process.env, nodeFlags = []} = {}) {
  const args = [...nodeFlags, PROGRAM, 'serve', '--json', '--port', '0', '--log-level', 'warn', ...flags]
  const child = spawn(process.execPath, args, {env, stdio: ['ignore', 'pipe', 'pipe']})
  // However this program ends, its server does as well.
  process.once('exit', () => child.kill())
  let log = ''
  child.stderr.on('data', (part) => {
    log += part
  })
  let printed = ''
  for await (const part of child.stdout) {
    printed += part
    if (printed.trimEnd().endsWith('}')) break
  }

  // What it printed has names of its own, also that of its log.
  return {...JSON.parse(printed), child, log: () => log, pid: child.pid}
}

export function residentMb(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

export function descriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`).length
}

export const bytesOf = ({buffer, byteLength, byteOffset}) => Buffer.from(buffer, byteOffset, byteLength)

/** An inference over HTTP whose tensors, [name, datatype, shape, data] each, follow the JSON as bytes. */
export function binaryRequest(inputs, parameters = {}) {
  const json = Buffer.from(
    JSON.stringify({
      inputs: inputs.map(([name, datatype, shape, data]) => ({
        name,
        datatype,
        shape,
        parameters: {binary_data_size: data.byteLength},
      })),
      parameters: {binary_data_output: true, ...parameters},
    }),
  )
  return {
    body: Buffer.concat([json, ...inputs.map((input) => bytesOf(input[3]))]),
    headers: {'inference-header-content-length': String(json.length)},
  }
}
