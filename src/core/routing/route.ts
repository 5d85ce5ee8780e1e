/** What the command `route` does. */
import type {Config} from '../config/schema.ts'
import type {Engine, RouteAnswer} from '../engine/engine.ts'

import {openAgents} from '../agents/describe.ts'
import {NpuBridgeError} from '../errors.ts'
import {evaluate, type Evaluation} from './evaluate.ts'
import {chooseMethod} from './method.ts'
import {type TextMethod, TextRouter} from './router.ts'

export interface RouteRequest {
  readonly text?: string | undefined
  /** A file of examples to be measured by, instead of a text. */
  readonly evaluate?: string | undefined
  /** Where agents are looked for when no folder of theirs is named. */
  readonly folder: string
  readonly agentsFolder?: string | undefined
  readonly head?: string | undefined
  /** @default what the configuration says */
  readonly method?: 'auto' | TextMethod | undefined
  readonly config?: Pick<Config, 'routing'>
  readonly topK: number
  readonly threshold?: number | undefined
  readonly openEngine: () => Promise<Pick<Engine, 'kind' | 'submit'>>
  readonly signal?: AbortSignal | undefined
}

interface Notes {
  /** What should be known besides, in sentences. */
  readonly notes: readonly string[]
}

export type RouteReport =
  | (Evaluation & Notes)
  | (Notes & RouteAnswer & {readonly text: string; readonly method: TextMethod; readonly device: null | string})

/** @throws {NpuBridgeError} INVALID_ARGUMENT where there is nothing to route, or nobody to route to */
export async function routeOrEvaluate(request: RouteRequest): Promise<RouteReport> {
  const {evaluate: file, signal, text, threshold, topK} = request
  if ((text === undefined) === (file === undefined)) {
    throw new NpuBridgeError(
      'INVALID_ARGUMENT',
      text === undefined ? 'there is no text' : 'a text and --eval exclude each other',
      {
        suggestions: ['npubridge route "what is to be done"', 'npubridge route --eval FILE'],
      },
    )
  }

  const {notes, router} = await openRouter(request)
  if (file !== undefined) return {...(await evaluate({file, router, signal, threshold})), notes}
  const [answer] = await router.route([text!], {threshold, topK}, {signal})
  return {text: text!, method: router.method, ...answer!, device: router.device, notes}
}

async function openRouter(request: RouteRequest): Promise<{notes: string[]; router: TextRouter}> {
  const {head, openEngine} = request
  if (head !== undefined) return {notes: [], router: new TextRouter({head, method: 'hybrid', openEngine})}
  const {
    folder,
    list: {agents, problems},
  } = openAgents(request.agentsFolder, request.folder)
  const notes = problems.map(({file, message}) => (message.startsWith(file) ? message : `${file}: ${message}`))
  if (agents.size === 0) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${folder} describes no agent`, {
      suggestions: notes.length > 0 ? notes : ['an agent is a Markdown file with a name and a description'],
    })
  }

  const {method, reason} = await chooseMethod(request.method ?? request.config?.routing?.method ?? 'auto', openEngine)
  const profiles = [...agents.values()].map(({description, examples, name, priority}) => ({
    name,
    description,
    examples,
    priority,
  }))
  return {
    notes: reason === null ? notes : [...notes, reason],
    router: new TextRouter({agents: profiles, method, openEngine}),
  }
}
