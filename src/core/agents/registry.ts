/** The agents of folders of Markdown files, of a workflow, and of the program, in one list. */
import {existsSync} from 'node:fs'
import path from 'node:path'
import {parse} from 'yaml'

import type {Agent, AgentProblem, TaskCallback} from './agent.ts'

import {fromNative, loadBinding} from '../engine/binding.ts'
import {NpuBridgeError} from '../errors.ts'
import {nameSuggestions} from '../run/nearest.ts'
import {type AgentDefinition, HANDLER_FIELDS, handlerOf, parseHandler} from './definition.ts'

/** Where agents are looked for when nobody says where, the first that there is. */
const USUAL_FOLDERS = [path.join('.claude', 'agents'), 'agents']
const MAX_PRIORITY = 100

export interface AgentSources {
  /** Folders with one Markdown file for each agent. Of two agents of one name the first counts. */
  readonly folders?: readonly string[]
  /** Agents by name, with what paths in them are relative to. They come before those of folders. */
  readonly defined?: Readonly<Record<string, AgentDefinition>>
  readonly definedIn?: string
  /** Functions that do the tasks of agents, by name. */
  readonly callbacks?: Readonly<Record<string, TaskCallback>>
  /** Whether commands may be run at all; where they may not, an agent with a command counts as a problem. */
  readonly allowCommands?: boolean
}

export interface AgentList {
  /** By name. */
  readonly agents: ReadonlyMap<string, Agent>
  readonly problems: readonly AgentProblem[]
}

/** The folder of agents of `folder`: `.claude/agents`, else `agents`; undefined when there is neither. */
export function usualAgentsFolder(folder: string): string | undefined {
  return USUAL_FOLDERS.map((name) => path.join(folder, name)).find((candidate) => existsSync(candidate))
}

/**
 * Reads all agents. What cannot be understood is a problem of its own and hides nothing else.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for a folder that cannot be read
 */
export function readAgents(sources: AgentSources): AgentList {
  const agents = new Map<string, Agent>()
  const problems: AgentProblem[] = []
  const {allowCommands = true, callbacks = {}, defined = {}, definedIn = '.', folders = []} = sources
  const add = (agent: Agent, place: string) => {
    const known = agents.get(agent.name)
    if (known) problems.push({file: place, message: `agent "${agent.name}" is already described by ${placeOf(known)}`})
    else if (agent.handler?.kind === 'command' && !allowCommands) problems.push(notAllowed(agent, place))
    else agents.set(agent.name, agent)
  }

  for (const [name, definition] of Object.entries(defined)) {
    try {
      add(fromDefinition(name, definition, definedIn), definedIn)
    } catch (error) {
      problems.push({file: definedIn, message: `agents.${name}: ${(error as Error).message}`})
    }
  }

  for (const folder of folders) {
    const found = readFolder(folder)
    problems.push(...found.problems)
    for (const agent of found.agents) add(agent, agent.file!)
  }

  for (const [name, run] of Object.entries(callbacks)) {
    const key = name.toLowerCase()
    const known = agents.get(key) ?? fromDefinition(key, {}, definedIn)
    agents.set(key, {...known, handler: {kind: 'callback', run}})
  }

  return {agents, problems}
}

function notAllowed({name}: Agent, file: string): AgentProblem {
  return {file, message: `agent "${name}" runs a command, which is not allowed here`}
}

function placeOf({file}: Agent): string {
  return file ?? 'the workflow'
}

/** What Rust reads of a file. */
interface FoundAgent {
  readonly name: string
  readonly description: string | null
  readonly priority: number
  readonly capabilities: readonly string[]
  readonly examples: readonly string[]
  readonly file: string
  readonly frontMatter: ReadonlyArray<readonly [key: string, lines: string]>
}

function readFolder(folder: string): {agents: Agent[]; problems: AgentProblem[]} {
  const found = readNative(path.resolve(folder))
  const agents: Agent[] = []
  const problems = [...found.problems]
  for (const each of found.agents) {
    try {
      agents.push(fromFile(each))
    } catch (error) {
      problems.push({file: each.file, message: (error as Error).message})
    }
  }

  return {agents, problems}
}

function readNative(folder: string): {agents: readonly FoundAgent[]; problems: readonly AgentProblem[]} {
  try {
    return JSON.parse(loadBinding().readAgents(folder))
  } catch (error) {
    throw fromNative(error)
  }
}

/** Front matter is not quite YAML: only the keys that are needed are read as such, each by itself. */
function fromFile({file, frontMatter, ...found}: FoundAgent): Agent {
  const value = (key: string): unknown => {
    const lines = frontMatter.find(([name]) => name === key)?.[1]
    return lines === undefined ? undefined : (parse(lines, {maxAliasCount: 0}) as Record<string, unknown>)[key]
  }

  const fields: Record<string, unknown> = {}
  for (const key of Object.keys(HANDLER_FIELDS)) {
    const given = value(key)
    if (given !== undefined) fields[key] = given
  }

  const definition = parseHandler(fields)
  const lists = frontMatter.some(([key]) => key === 'tools') ? value('tools') : undefined
  const model = value('model')
  const priority = value('priority')
  return {
    ...found,
    description: found.description ?? '',
    priority: isPriority(priority) ? priority : found.priority,
    tools: Array.isArray(lists) ? lists.map(String) : typeof lists === 'string' ? lists.split(/\s*,\s*/) : [],
    model: typeof model === 'string' ? model : null,
    maxParallel: definition.max_parallel ?? null,
    handler: handlerOf(definition, projectOf(file)),
    file,
  }
}

function isPriority(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_PRIORITY
}

/** Where the commands of a file run: `.claude/agents/x.md` belongs to the folder that holds `.claude`. */
function projectOf(file: string): string {
  const folder = path.dirname(file)
  const parent = path.dirname(folder)
  return path.basename(parent) === '.claude' ? path.dirname(parent) : parent
}

function fromDefinition(name: string, definition: AgentDefinition, folder: string): Agent {
  const {description, examples, max_parallel: maxParallel, priority, ...handler} = definition
  return {
    name: name.toLowerCase(),
    description: description ?? '',
    examples: examples ?? [],
    priority: priority ?? 50,
    capabilities: [],
    tools: [],
    model: null,
    maxParallel: maxParallel ?? null,
    handler: handlerOf(handler, folder),
    file: null,
  }
}

/**
 * The agent of a name, in any case.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT with the nearest name
 */
export function findAgent({agents}: AgentList, name: string): Agent {
  const agent = agents.get(name.trim().toLowerCase())
  if (agent) return agent
  throw new NpuBridgeError('INVALID_ARGUMENT', `there is no agent ${JSON.stringify(name)}`, {
    suggestions: nameSuggestions(name, [...agents.keys()], 'agents'),
  })
}
