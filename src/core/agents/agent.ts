/** What an agent is: a name with a description, and who does its tasks, if anybody does. */
import type {OperationResult} from '../engine/engine.ts'

/** What a handler is given. */
export interface TaskContext {
  readonly taskId: string
  readonly workflowId: string
  readonly agent: string
  readonly description: string
  /** What the task asked for of the outputs of others, by name. */
  readonly inputs: Readonly<Record<string, unknown>>
  /** 1 the first time. */
  readonly attempt: number
  /** Aborted when the workflow is stopped, or the task's time is up. */
  readonly signal: AbortSignal
}

/** A program that does the tasks of an agent. It is started without a shell, so no text can become a command. */
export interface CommandHandler {
  readonly kind: 'command'
  /** The program and its arguments; `{description}`, `{task_id}` and `{inputs}` are put in, `{inputs.name}` too. */
  readonly argv: readonly [string, ...string[]]
  /** Variables beyond those that every program needs: a name takes the value of this process, `NAME=value` sets one. */
  readonly env: readonly string[]
  /** The folder it runs in. */
  readonly cwd: string
  readonly timeoutMs: number
  /** Of stdout and stderr each; a program that writes more is ended. */
  readonly maxOutputBytes: number
  /** How stdout becomes the task's output. */
  readonly output: 'json' | 'text'
}

/** An operation of the engine, written as a line of `npubridge run` would be, with the same placeholders in texts. */
export interface OperationHandler {
  readonly kind: 'operation'
  readonly template: Readonly<Record<string, unknown>>
  /** What paths in it are relative to. */
  readonly folder: string
}

/** A function that does the tasks of an agent; what it gives is the task's output and must fit into JSON. */
export type TaskCallback = (context: TaskContext) => unknown

export interface CallbackHandler {
  readonly kind: 'callback'
  readonly run: TaskCallback
}

export type Handler = CallbackHandler | CommandHandler | OperationHandler

export interface Agent {
  readonly name: string
  readonly description: string
  readonly examples: readonly string[]
  /** From 1 (most urgent) to 100. */
  readonly priority: number
  readonly capabilities: readonly string[]
  /** As its file says, for whoever reads it; npubridge does not use them. */
  readonly tools: readonly string[]
  readonly model: string | null
  /** How many of its tasks may run at once; as many as the workflow when null. */
  readonly maxParallel: number | null
  /** Who does its tasks; null: they are routed to it and that is all. */
  readonly handler: Handler | null
  /** The file that describes it; null for one of a workflow or of the program. */
  readonly file: string | null
}

/** A file, or an entry of one, that describes no agent, and why. */
export interface AgentProblem {
  readonly file: string
  readonly message: string
}

/** The output of a task that an operation did: its tensors as numbers, or its data. */
export type OperationOutput = Pick<OperationResult, 'data' | 'device' | 'fallback'> & {
  readonly outputs?: Readonly<Record<string, {readonly data: readonly number[]; readonly shape: readonly number[]}>>
}
