/** Asks running servers how they are. */
import {request as httpRequest} from 'node:http'
import {request as httpsRequest} from 'node:https'
import {z} from 'zod'

import {runningServers, type ServerState, serverStateSchema} from './state.ts'

const reportSchema = serverStateSchema.extend({
  /** What it says of itself: null where it does not answer. */
  ready: z.boolean().nullable(),
  /** Why it is not ready. */
  reason: z.string().nullable(),
})

export const statusReportSchema = z.object({servers: z.array(reportSchema)})
export type StatusReport = Readonly<z.infer<typeof statusReportSchema>>

const ANSWER_MS = 3000
const answerSchema = z.object({ready: z.boolean(), reason: z.string().nullable()})

export async function serverStatus(folder: string): Promise<StatusReport> {
  const states = await runningServers(folder)
  return {servers: await Promise.all(states.map(async (state) => ({...state, ...(await ask(state))})))}
}

async function ask(state: ServerState): Promise<{ready: boolean | null; reason: string | null}> {
  try {
    return answerSchema.parse(JSON.parse(await get(state, '/v2/health/ready')))
  } catch (error) {
    return {ready: null, reason: `it does not answer: ${error instanceof Error ? error.message : String(error)}`}
  }
}

async function get({socket, url}: ServerState, path: string): Promise<string> {
  const isTls = url.startsWith('https')
  const target = new URL(socket === null ? url : 'http://localhost')
  // Listening everywhere is an address to listen on, not to connect to.
  const hostname = target.hostname === '0.0.0.0' ? '127.0.0.1' : target.hostname.replaceAll(/^\[|\]$/g, '')
  const where = socket === null ? {hostname, port: target.port} : {socketPath: socket}
  const options = {...where, path, timeout: ANSWER_MS}
  return new Promise((resolve, reject) => {
    // Its certificate is made out for whatever clients call it; here only the process that is known to run is asked.
    const request = isTls ? httpsRequest({...options, rejectUnauthorized: false}) : httpRequest(options)
    request.on('timeout', () => {
      request.destroy(new Error(`no answer within ${ANSWER_MS} ms`))
    })
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        resolve(text)
      })
    })
    request.end()
  })
}
